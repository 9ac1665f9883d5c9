// RunEngine: how a decoded job is applied, evaluated and recorded.
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "coordinator/engine/run_engine.h"

namespace gradloom {

void RunEngine::EffectLoop() {
  for (;;) {
    Effect effect;
    {
      std::unique_lock lock(effects_mutex_);
      effects_filled_.wait(lock, [this] { return stop_ || !effects_.empty(); });
      if (stop_) return;
      effect = std::move(effects_.front());
      effects_.pop_front();
    }
    Event answer = ApplyEffect(effect);
    effect.sum.reset();
    Post(std::move(answer));
  }
}

Event RunEngine::ApplyEffect(const Effect& effect) {
  const absl::Time start = absl::Now();
  const auto [trial_number, lane] = lanes_[effect.apply.lane];
  Trial& trial = *trials_[trial_number];
  const std::unique_lock whole = trial.BeginEffect();
  absl::StatusOr<std::optional<AppliedJob>> applied = trial.Apply(
      lane, effect.apply.lane_job, *effect.sum, effect.apply.decoding, count_tolerance_);
  if (!applied.ok()) return EffectFailed{std::string(applied.status().message())};
  if (!applied->has_value()) return JobApplied{effect.apply.lane};
  const AppliedJob& job = **applied;
  options_.metrics->jobs.Increment();
  options_.metrics->apply_seconds.Observe(absl::ToDoubleSeconds(absl::Now() - start));

  MetricsRow row;
  row.trial = trial.LaneName(lane);
  row.job = static_cast<uint64_t>(effect.apply.lane_job);
  row.epoch = trial.epoch(lane);
  row.loss = job.loss;
  row.train_accuracy = job.accuracy;
  row.learning_rate = job.learning_rate;
  row.gradient_norm = job.gradient_norm;
  std::optional<Evaluation> evaluation;
  if (job.evaluate.has_value() && (data_.test != nullptr || trial.workload().has_own_test())) {
    absl::StatusOr<Evaluation> evaluated =
        trial.Evaluate(*job.evaluate, data_.test == nullptr ? nullptr : &test_);
    if (!evaluated.ok()) return EffectFailed{std::string(evaluated.status().message())};
    evaluation = *evaluated;
    row.test_loss = evaluation->loss;
    row.test_accuracy = evaluation->accuracy;
  }
  UpdateTrial(trial_number, job, evaluation);
  {
    std::lock_guard lock(status_mutex_);
    row.round = status_.rounds();
    row.stragglers = status_.stragglers_tolerated();
    row.wall_seconds = status_.seconds();
  }
  if (absl::Status status = files_->Record(effect.apply.lane, row); !status.ok()) {
    return EffectFailed{std::string(status.message())};
  }
  const uint64_t every = options_.spec.checkpoint().every_jobs();
  if (every > 0 && (effect.apply.lane_job + 1) % static_cast<int64_t>(every) == 0) {
    std::lock_guard lock(checkpoint_mutex_);
    checkpoint_now_ = true;
    checkpoint_wanted_.notify_one();
  }
  JobApplied answer{effect.apply.lane};
  for (int other = 0; other < trial.lanes(); ++other) {
    if (trial.progress(other).finished) {
      answer.finished.push_back(first_lane_[trial_number] + other);
    }
  }
  return answer;
}

void RunEngine::UpdateTrial(int number, const AppliedJob& applied,
                            const std::optional<Evaluation>& evaluation) {
  const Trial& trial = *trials_[number];
  const prometheus::Labels labels = {{"run", std::to_string(options_.run)},
                                     {"trial", trial.spec().name()}};
  options_.metrics->trial_loss.Add(labels).Set(applied.loss);
  if (evaluation.has_value()) {
    options_.metrics->trial_accuracy.Add(labels).Set(evaluation->accuracy);
  }
  std::lock_guard lock(status_mutex_);
  v1::TrialStatus* status = status_.mutable_trials(number);
  status->set_jobs_done(static_cast<uint64_t>(trial.jobs_done()));
  status->set_loss(applied.loss);
  if (evaluation.has_value()) status->set_accuracy(evaluation->accuracy);
  status->set_finished(trial.finished());
}

}  // namespace gradloom
