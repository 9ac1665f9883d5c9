// Drives the shipped core with a virtual clock: every slot is a worker of its own that computes its
// invocations one after the other. The delay model says what an invocation costs at load 0, and its
// tasks, one after the other, cost their load; each is answered when it is computed. A slot that is
// at a task which is dropped goes on with the next one at once; an invocation without any left is
// over, so a slot moves on when its job is decoded. A pilot
// may watch and replace the weaves while the run is under way. A lane that gives a job up goes on
// with the next one.
#ifndef GRADLOOM_COORDINATOR_SIMULATION_SIMULATOR_H_
#define GRADLOOM_COORDINATOR_SIMULATION_SIMULATOR_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/core/invocation.h"
#include "coordinator/simulation/delay_model.h"

namespace gradloom {

class SimulationPilot {
 public:
  virtual ~SimulationPilot() = default;
  // An invocation has ended.
  virtual void Observe(const InvocationObserved& observed) = 0;
  // A lane's job has just been applied, or counts as missing (the lane has not gone on yet). New
  // weaves from here on, or none.
  virtual std::optional<std::vector<WeavePlan>> Steer(double now_seconds, int lane) = 0;
};

struct SimulationOptions {
  double apply_seconds = 0;    // from a job's decode to the lane's next job
  bool record_rounds = false;  // fill SimulationResult::rounds
  double limit_seconds = 1e9;  // of virtual time: DeadlineExceeded beyond
  SimulationPilot* pilot = nullptr;
};

struct SimulatedRound {
  int weave = 0;
  int64_t round = 0;
  double start_seconds = 0;
  double end_seconds = 0;
  std::vector<int> stragglers;  // fleet slots
  std::vector<int> retries;     // fleet slots asked again for what they owed
};

struct SimulationResult {
  double total_seconds = 0;             // until the last job was applied
  std::vector<double> applied_seconds;  // when each job was applied, in that order
  CoreCounters counters;
  int64_t invocations = 0;
  int64_t invocations_cut = 0;  // ended because nothing of it was wanted any more
  double busy_seconds = 0;      // over all slots
  int64_t events = 0;           // handled by the core
  std::vector<SimulatedRound> rounds;
};

// The plan's min_workers is set to its number of slots. InvalidArgument when the model has fewer
// slots than the plan; FailedPrecondition when the run cannot end (dead slots).
absl::StatusOr<SimulationResult> Simulate(CorePlan plan, const DelayModel& delays,
                                          const SimulationOptions& options);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SIMULATION_SIMULATOR_H_
