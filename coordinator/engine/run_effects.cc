// RunEngine: how a decoded job is applied, evaluated and recorded.
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

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

void RunEngine::Enqueue(Effect effect) {
  {
    std::lock_guard lock(effects_mutex_);
    effects_.push_back(std::move(effect));
  }
  effects_filled_.notify_one();
}

Event RunEngine::ApplyEffect(const Effect& effect) {
  const int lane = std::visit([](const auto& what) { return what.lane; }, effect.what);
  const std::unique_lock whole = trials_[lanes_[lane].trial]->BeginEffect();
  absl::StatusOr<Event> answer;
  if (const auto* miss = std::get_if<MissJob>(&effect.what)) {
    answer = Miss(*miss);
  } else {
    const auto& apply = std::get<ApplyJob>(effect.what);
    answer = apply.late ? ApplyLate(apply, *effect.sum) : Apply(apply, *effect.sum);
  }
  if (!answer.ok()) return EffectFailed{std::string(answer.status().message())};
  return *std::move(answer);
}

absl::StatusOr<Event> RunEngine::Apply(const ApplyJob& apply, const JobSum& sum) {
  const absl::Time start = absl::Now();
  const auto [trial_number, lane] = lanes_[apply.lane];
  Trial& trial = *trials_[trial_number];
  absl::StatusOr<std::optional<AppliedJob>> applied =
      trial.Apply(lane, apply.lane_job, sum, apply.decoding, count_tolerance_);
  if (!applied.ok()) return applied.status();
  if (!applied->has_value()) return JobApplied{apply.lane};
  const AppliedJob& job = **applied;
  options_.metrics->jobs.Increment();
  options_.metrics->apply_seconds.Observe(absl::ToDoubleSeconds(absl::Now() - start));
  const auto evaluation = EvaluateIfDue(trial, job.evaluate);
  if (!evaluation.ok()) return evaluation.status();
  UpdateTrial(trial_number, job.loss, *evaluation);
  MetricsRow row;
  row.job = static_cast<uint64_t>(apply.lane_job);
  row.round = first_round_ + static_cast<uint64_t>(apply.round);
  row.stragglers = static_cast<uint64_t>(apply.stragglers);
  row.loss = job.loss;
  row.train_accuracy = job.accuracy;
  row.learning_rate = job.learning_rate;
  row.gradient_norm = job.gradient_norm;
  if (absl::Status status = Record(apply.lane, row, *evaluation); !status.ok()) return status;
  const uint64_t every = options_.spec.checkpoint().every_jobs();
  if (every > 0 && (apply.lane_job + 1) % static_cast<int64_t>(every) == 0) {
    std::lock_guard lock(checkpoint_mutex_);
    checkpoint_now_ = true;
    checkpoint_wanted_.notify_one();
  }
  return JobApplied{apply.lane, FinishedLanes(trial_number)};
}

absl::StatusOr<Event> RunEngine::ApplyLate(const ApplyJob& apply, const JobSum& sum) {
  const auto [trial_number, lane] = lanes_[apply.lane];
  Trial& trial = *trials_[trial_number];
  absl::Status status =
      trial.ApplyLate(lane, apply.lane_job, sum, apply.decoding, count_tolerance_);
  if (!status.ok()) return status;
  return JobApplied{apply.lane};
}

absl::StatusOr<Event> RunEngine::Miss(const MissJob& miss) {
  const auto [trial_number, lane] = lanes_[miss.lane];
  Trial& trial = *trials_[trial_number];
  const auto view = trial.ApplyMissing(lane, miss.lane_job);
  if (!view.ok()) return view.status();
  const auto evaluation = EvaluateIfDue(trial, *view);
  if (!evaluation.ok()) return evaluation.status();
  UpdateTrial(trial_number, std::nullopt, *evaluation);
  if (evaluation->has_value()) {
    MetricsRow row;
    row.job = static_cast<uint64_t>(miss.lane_job);
    if (absl::Status status = Record(miss.lane, row, *evaluation); !status.ok()) return status;
  }
  return JobMissed{miss.lane, trial.progress(lane).jobs_done, FinishedLanes(trial_number)};
}

absl::StatusOr<std::optional<Evaluation>> RunEngine::EvaluateIfDue(
    Trial& trial, const std::optional<int64_t>& view) {
  if (!view.has_value() || (data_.test == nullptr && !trial.workload().has_own_test())) {
    return std::nullopt;
  }
  absl::StatusOr<Evaluation> evaluation =
      trial.Evaluate(*view, data_.test == nullptr ? nullptr : &test_);
  if (!evaluation.ok()) return evaluation.status();
  return *evaluation;
}

absl::Status RunEngine::Record(int lane, MetricsRow row,
                               const std::optional<Evaluation>& evaluation) {
  const TrialLane& at = lanes_[lane];
  row.trial = trials_[at.trial]->LaneName(at.lane);
  row.epoch = trials_[at.trial]->epoch(at.lane);
  if (evaluation.has_value()) {
    row.test_loss = evaluation->loss;
    row.test_accuracy = evaluation->accuracy;
  }
  // Both were set before the first job, and not since.
  row.wall_seconds = before_.seconds_running() + absl::ToDoubleSeconds(absl::Now() - started_);
  return files_->Record(lane, row);
}

std::vector<int> RunEngine::FinishedLanes(int trial) const {
  std::vector<int> finished;
  for (int lane = 0; lane < trials_[trial]->lanes(); ++lane) {
    if (trials_[trial]->progress(lane).finished) finished.push_back(first_lane_[trial] + lane);
  }
  return finished;
}

void RunEngine::UpdateTrial(int number, std::optional<double> loss,
                            const std::optional<Evaluation>& evaluation) {
  const Trial& trial = *trials_[number];
  if (loss.has_value()) series_->SetLoss(trial.spec().name(), *loss);
  if (evaluation.has_value()) series_->SetAccuracy(trial.spec().name(), evaluation->accuracy);
  std::lock_guard lock(status_mutex_);
  v1::TrialStatus* status = status_.mutable_trials(number);
  status->set_jobs_done(static_cast<uint64_t>(trial.jobs_done()));
  if (loss.has_value()) status->set_loss(*loss);
  if (evaluation.has_value()) status->set_accuracy(evaluation->accuracy);
  status->set_finished(trial.finished());
}

}  // namespace gradloom
