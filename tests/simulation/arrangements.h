// The runs and the mixtures of faults that simulations play: a run of each kind of scheme, and each
// way of sharing a fleet.
#ifndef GRADLOOM_TESTS_SIMULATION_ARRANGEMENTS_H_
#define GRADLOOM_TESTS_SIMULATION_ARRANGEMENTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/scenario.h"
#include "tests/simulation/simulated_cluster.h"

namespace gradloom {

// Named w0, w1, ...
std::vector<WorkerTraits> Workers(int count);

// A run of 4 workers that nothing disturbs. `rest`: of the run file.
Scenario OneTrial(const std::string& name, const std::string& scheme, const std::string& rest = "");
Scenario TwoTrials(const std::string& name, const std::string& scheme,
                   const std::string& rest = "");
Scenario ThreeTrials(const std::string& name, const std::string& scheme,
                     const std::string& rest = "");
std::vector<Scenario> Arrangements();
// Of that name.
Scenario ArrangementOf(const std::string& name);

// A little of everything; without the coordinator's own faults if it is to be spared.
Faults Mixed(bool coordinator);
// More of everything, for longer.
Faults Storm();
// Beside those that are needed: one that comes late, one that cannot serve at first, one that never
// can, one of another instruction-set level.
void AddOthers(Scenario* scenario);

// What is the same for all seeds of a scenario.
struct Stage {
  explicit Stage(Scenario of);
  Outcome Play(uint64_t seed) const;
  // Null where the bits depend on who answers.
  const Trajectory* expected() const;

  Scenario scenario;
  std::shared_ptr<const SimulatedRun> run;
  Outcome undisturbed;
};

// For people, of what went wrong.
std::string Told(const Scenario& scenario, uint64_t seed, const Outcome& outcome);

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_SIMULATION_ARRANGEMENTS_H_
