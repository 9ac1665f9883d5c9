// What is the same in every life of a simulated run and at every worker: the run file, resolved,
// and the data. Immutable.
#ifndef GRADLOOM_TESTS_SIMULATION_SIMULATED_RUN_H_
#define GRADLOOM_TESTS_SIMULATION_SIMULATED_RUN_H_

#include <memory>
#include <string>

#include "coordinator/run_file/run_file.h"
#include "models/data/dataset.h"
#include "tests/simulation/scenario.h"
#include "worker/served_run.h"

namespace gradloom {

inline constexpr uint64_t kRunId = 1;

struct SimulatedRun {
  ResolvedRun run;
  TrainAndTest data;
  std::shared_ptr<const ServedRun> served;  // as workers have it

  // A linear regression on a few generated rows, trained as the scenario says. Aborts when the
  // scenario makes no sense.
  static std::shared_ptr<const SimulatedRun> Of(const Scenario& scenario);
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_SIMULATION_SIMULATED_RUN_H_
