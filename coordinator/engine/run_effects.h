// What a run's effects do: decoded jobs applied and recorded, evaluations computed and taken note
// of, checkpoints and the final files written, on the threads of pools. Answers go to `answer`, in
// the order of being done. Thread-safe.
#ifndef GRADLOOM_COORDINATOR_ENGINE_RUN_EFFECTS_H_
#define GRADLOOM_COORDINATOR_ENGINE_RUN_EFFECTS_H_

#include <atomic>
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
#include "coordinator/metrics/run_series.h"
#include "proto/ops/clock.h"
#include "proto/ops/mutex.h"

namespace gradloom {

class RunEffects final : public Effects {
 public:
  // All outlive the effects.
  RunEffects(uint64_t run, OpenedRun* opened, StatusBook* status, CoordinatorMetrics* metrics,
             std::function<void(RunEvent)> answer);
  ~RunEffects() override { ending_ = true; }

  void Apply(const ApplyJob& apply, std::shared_ptr<const JobSum> sum,
             double count_tolerance) override;
  void Miss(const MissJob& miss) override;
  void Evaluate(const EvaluateChunk& chunk) override;
  void TakeEvaluation(int trial, int64_t view, const Evaluation& evaluation) override;
  void Checkpoint() override;
  void Finish(const v1::RunSpec& spec, int state, const std::string& error,
              std::vector<InvocationObserved> invocations) override;

  // On the caller's thread. One at a time.
  absl::Status SaveCheckpoint() ABSL_LOCKS_EXCLUDED(save_mutex_);

 private:
  using Done = absl::StatusOr<RunEvent>;
  Done DoApply(const ApplyJob& apply, const JobSum& sum, double count_tolerance);
  Done DoMiss(const MissJob& miss);
  Done DoEvaluate(const EvaluateChunk& chunk);
  Done DoTakeEvaluation(int trial, int64_t view, const Evaluation& evaluation);
  absl::Status DoFinish(const v1::RunSpec& spec, int state, const std::string& error,
                        const std::vector<InvocationObserved>& invocations);
  absl::Status Record(int lane, MetricsRow row, const std::optional<int64_t>& view);
  void UpdateTrial(int trial, std::optional<double> loss,
                   const std::optional<Evaluation>& evaluation);
  void Answer(const Done& answer);

  const uint64_t run_;
  OpenedRun* opened_;
  StatusBook* status_;
  CoordinatorMetrics* metrics_;
  RunSeries series_;
  // Of this life.
  const uint64_t first_round_;
  const SteadyClock clock_;
  const std::function<void(RunEvent)> answer_;
  Mutex save_mutex_;
  std::atomic<bool> ending_ = false;
  // Last, so that they end before what they use. Checkpoints have a thread of their own, and so
  // have evaluations: neither keeps an update waiting.
  std::unique_ptr<EffectPool> updates_;
  std::unique_ptr<EffectPool> evaluations_;
  std::unique_ptr<EffectPool> disk_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_RUN_EFFECTS_H_
