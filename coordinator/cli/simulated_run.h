// A run file as `simulate` and `tune` take it: the lanes that the service would train, and what
// they would go under. Opens the run's data, for lanes and jobs may depend on it; trains nothing.
#ifndef GRADLOOM_COORDINATOR_CLI_SIMULATED_RUN_H_
#define GRADLOOM_COORDINATOR_CLI_SIMULATED_RUN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/planning/arrangement.h"
#include "coordinator/tuning/auto_policy.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

struct SimulatedRun {
  std::string file;
  v1::RunSpec spec;  // resolved
  // From the first job to the last that is planned: nothing ends early in a simulation.
  std::vector<LanePlan> lanes;
  std::vector<LanePlan> chains;  // without lanes inside models: PlanChains
};

// `set`: PATH=VALUE overrides. Errors name the file and the field.
absl::StatusOr<SimulatedRun> LoadSimulatedRun(const std::string& file,
                                              const std::vector<std::string>& set);

// What the run goes under with so many slots. InvalidArgument as for the service.
struct RunScheme {
  Choice choice;
  std::optional<AutoOptions> automatic;  // `scheme: auto`; it finds a choice
};
absl::StatusOr<RunScheme> SchemeOf(const SimulatedRun& run, int slots);

// The lanes, or the chains, over so many slots; `jobs`: of each in proportion so many in all
// (nothing: all). InvalidArgument if the run has fewer.
absl::StatusOr<FleetSize> SizeOf(const SimulatedRun& run, bool lanes, int slots,
                                 std::optional<int64_t> jobs);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_SIMULATED_RUN_H_
