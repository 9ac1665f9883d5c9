// What a run's effects do: decoded jobs applied, evaluated and recorded, checkpoints and the final
// files written, on the threads of a pool. Answers go to `answer`, in the order of being done.
// Thread-safe.
#ifndef GRADLOOM_COORDINATOR_ENGINE_RUN_EFFECTS_H_
#define GRADLOOM_COORDINATOR_ENGINE_RUN_EFFECTS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/engine/effect_pool.h"
#include "coordinator/engine/effects.h"
#include "coordinator/engine/opened_run.h"
#include "coordinator/engine/run_events.h"
#include "coordinator/engine/status_book.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "proto/ops/clock.h"
#include "proto/ops/mutex.h"

namespace gradloom {

class RunEffects final : public Effects {
 public:
  // All outlive the effects.
  RunEffects(uint64_t run, OpenedRun* opened, StatusBook* status, CoordinatorMetrics* metrics,
             std::function<void(RunEvent)> answer);

  void Apply(const ApplyJob& apply, std::shared_ptr<const JobSum> sum,
             double count_tolerance) override;
  void Miss(const MissJob& miss) override;
  void Checkpoint() override;
  void Finish(const v1::RunSpec& spec, int state, const std::string& error,
              std::vector<InvocationObserved> invocations) override;

  // On the caller's thread. One at a time.
  absl::Status SaveCheckpoint() ABSL_LOCKS_EXCLUDED(save_mutex_);

 private:
  absl::StatusOr<Event> DoApply(const ApplyJob& apply, const JobSum& sum, double count_tolerance);
  absl::StatusOr<Event> DoMiss(const MissJob& miss);
  absl::Status DoFinish(const v1::RunSpec& spec, int state, const std::string& error,
                        const std::vector<InvocationObserved>& invocations);
  // Of the view, if it is due and there is anything to evaluate on.
  absl::StatusOr<std::optional<Evaluation>> EvaluateIfDue(Trial& trial,
                                                          const std::optional<int64_t>& view);
  absl::Status Record(int lane, MetricsRow row, const std::optional<Evaluation>& evaluation);
  void UpdateTrial(int trial, std::optional<double> loss,
                   const std::optional<Evaluation>& evaluation);
  void Answer(const absl::StatusOr<Event>& answer);

  const uint64_t run_;
  OpenedRun* opened_;
  StatusBook* status_;
  CoordinatorMetrics* metrics_;
  const std::function<void(RunEvent)> answer_;
  Mutex save_mutex_;
  // Last, so that they end before what they use. Checkpoints have a thread of their own: the disk
  // keeps no update waiting.
  std::unique_ptr<EffectPool> updates_;
  std::unique_ptr<EffectPool> disk_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_RUN_EFFECTS_H_
