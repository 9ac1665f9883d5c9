// Effects under a virtual clock: real sums move real trials and real checkpoints are written, each
// at some moment after it was asked for and before it is answered. As the engine's own: two updates
// at a time where there are several trials, one after the other on the disk.
#ifndef GRADLOOM_TESTS_SIMULATION_SIMULATED_EFFECTS_H_
#define GRADLOOM_TESTS_SIMULATION_SIMULATED_EFFECTS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/engine/effects.h"
#include "coordinator/engine/opened_run.h"
#include "coordinator/engine/run_events.h"
#include "coordinator/engine/status_book.h"
#include "tests/simulation/draws.h"
#include "tests/simulation/safety_book.h"
#include "tests/simulation/scenario.h"
#include "tests/simulation/virtual_time.h"

namespace gradloom {

class SimulatedEffects final : public Effects {
 public:
  struct Ports {
    VirtualTime& time;
    SafetyBook& safety;
    // Calls back after a while, unless the process has ended by then.
    std::function<void(absl::Duration, std::function<void()>)> later;
    std::function<void(RunEvent)> answer;
  };
  // All outlive the effects.
  SimulatedEffects(OpenedRun& opened, StatusBook& status, Canary canary, Draws draws, Ports ports);

  void Apply(const ApplyJob& apply, std::shared_ptr<const JobSum> sum,
             double count_tolerance) override;
  void Miss(const MissJob& miss) override;
  void Evaluate(const EvaluateChunk& chunk) override;
  void TakeEvaluation(int trial, int64_t view, const Evaluation& evaluation) override;
  void Checkpoint() override;
  void Finish(const v1::RunSpec& spec, int state, const std::string& error,
              std::vector<InvocationObserved> invocations) override;

  // At once.
  absl::Status SaveCheckpoint();

 private:
  // Threads that are busy until then.
  using Pool = std::vector<absl::Time>;

  // `effect` is done while a thread of the pool is at it; what it says is answered at the end.
  void Post(Pool& pool, absl::Duration takes, std::function<RunEvent()> effect);
  RunEvent DoApply(const ApplyJob& apply, const JobSum& sum, double count_tolerance);
  absl::StatusOr<RunEvent> Move(const ApplyJob& apply, const JobSum& sum, double count_tolerance);
  absl::StatusOr<RunEvent> Take(int trial, int64_t view, const Evaluation& evaluation);

  OpenedRun& opened_;
  StatusBook& status_;
  const Canary canary_;
  Draws draws_;
  Ports ports_;
  Pool updates_, evaluations_, disk_;
  int applied_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_SIMULATION_SIMULATED_EFFECTS_H_
