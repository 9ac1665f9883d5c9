// Plays `scheme: auto` in the simulator: the policy watches the invocations of a simulated fleet
// and the shipped core changes its weaves under way. Pure.
#ifndef GRADLOOM_COORDINATOR_TUNING_AUTO_SIMULATION_H_
#define GRADLOOM_COORDINATOR_TUNING_AUTO_SIMULATION_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/simulation/simulator.h"
#include "coordinator/tuning/auto_policy.h"

namespace gradloom {

struct AutoPlay {
  SimulationResult result;
  // The first, and every switch, with the virtual time and the applied jobs at which it was made:
  // what a coordinator would journal.
  struct Entry {
    double seconds = 0;
    int64_t jobs_applied = 0;
    AutoDecision decision;
  };
  std::vector<Entry> journal;
  // The decision that most jobs were applied under.
  const AutoDecision& longest() const;
};

absl::StatusOr<AutoPlay> PlayAuto(const FleetSize& size, const DelayModel& delays,
                                  const AutoOptions& options, SimulationOptions simulation);

// Plays the journal's decisions again, without a policy.
absl::StatusOr<SimulationResult> Replay(const FleetSize& size, const DelayModel& delays,
                                        const std::vector<AutoPlay::Entry>& journal,
                                        SimulationOptions simulation);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_TUNING_AUTO_SIMULATION_H_
