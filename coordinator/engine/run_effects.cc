#include "coordinator/engine/run_effects.h"

#include <algorithm>
#include <utility>

namespace gradloom {
namespace {

// Lanes of different trials are applied side by side.
int UpdateThreads(const OpenedRun& opened) { return opened.trials.trials().size() > 1 ? 2 : 1; }

}  // namespace

RunEffects::RunEffects(uint64_t run, OpenedRun* opened, StatusBook* status,
                       CoordinatorMetrics* metrics, std::function<void(RunEvent)> answer)
    : run_(run),
      opened_(opened),
      status_(status),
      metrics_(metrics),
      series_(*metrics, run),
      first_round_(std::max<uint64_t>(opened->before.rounds(), opened->files->next_round())),
      answer_(std::move(answer)),
      updates_(std::make_unique<EffectPool>(UpdateThreads(*opened))),
      disk_(std::make_unique<EffectPool>(1)) {}

void RunEffects::Answer(const absl::StatusOr<Event>& answer) {
  answer_(answer.ok() ? *answer : Event(EffectFailed{std::string(answer.status().message())}));
}

void RunEffects::Apply(const ApplyJob& apply, std::shared_ptr<const JobSum> sum,
                       double count_tolerance) {
  updates_->Post([this, apply, sum = std::move(sum), count_tolerance] {
    Answer(DoApply(apply, *sum, count_tolerance));
  });
}

void RunEffects::Miss(const MissJob& miss) {
  updates_->Post([this, miss] { Answer(DoMiss(miss)); });
}

void RunEffects::Checkpoint() {
  disk_->Post([this] {
    const absl::Time start = clock_.Now();
    absl::Status status = SaveCheckpoint();
    answer_(CheckpointSaved{std::move(status), clock_.Now() - start});
  });
}

void RunEffects::Finish(const v1::RunSpec& spec, int state, const std::string& error,
                        std::vector<InvocationObserved> invocations) {
  // What was asked for before is done when both pools have come here.
  updates_->Post([this, spec, state, error, invocations = std::move(invocations)] {
    disk_->Post([this, spec, state, error, invocations] {
      answer_(RunClosed{DoFinish(spec, state, error, invocations)});
    });
  });
}

// ---- updates ------------------------------------------------------------------------------------

absl::StatusOr<Event> RunEffects::DoApply(const ApplyJob& apply, const JobSum& sum,
                                          double count_tolerance) {
  const absl::Time start = clock_.Now();
  const auto [trial_number, lane] = opened_->trials.place(apply.lane);
  Trial& trial = opened_->trials.of_lane(apply.lane);
  const Trial::Effect whole(trial);
  if (apply.late) {
    absl::Status status =
        trial.ApplyLate(lane, apply.lane_job, sum, apply.decoding, count_tolerance);
    if (!status.ok()) return status;
    return JobApplied{apply.lane};
  }
  absl::StatusOr<std::optional<AppliedJob>> applied =
      trial.Apply(lane, apply.lane_job, sum, apply.decoding, count_tolerance);
  if (!applied.ok()) return applied.status();
  if (!applied->has_value()) return JobApplied{apply.lane};
  const AppliedJob& job = **applied;
  metrics_->jobs.Increment();
  metrics_->apply_seconds.Observe(absl::ToDoubleSeconds(clock_.Now() - start));
  const auto evaluation = EvaluateIfDue(trial, job.evaluate);
  if (!evaluation.ok()) return evaluation.status();
  UpdateTrial(trial_number, job.loss, *evaluation);
  MetricsRow row;
  row.job = static_cast<uint64_t>(apply.lane_job);
  row.round = first_round_ + static_cast<uint64_t>(apply.round);
  row.stragglers = static_cast<uint64_t>(apply.stragglers);
  row.loss = job.loss;
  row.more = job.metrics;
  if (absl::Status status = Record(apply.lane, row, *evaluation); !status.ok()) return status;
  return JobApplied{apply.lane, opened_->trials.FinishedLanes(trial_number)};
}

absl::StatusOr<Event> RunEffects::DoMiss(const MissJob& miss) {
  const auto [trial_number, lane] = opened_->trials.place(miss.lane);
  Trial& trial = opened_->trials.of_lane(miss.lane);
  const Trial::Effect whole(trial);
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
  return JobMissed{miss.lane, trial.progress(lane).jobs_done,
                   opened_->trials.FinishedLanes(trial_number)};
}

absl::StatusOr<std::optional<Evaluation>> RunEffects::EvaluateIfDue(
    Trial& trial, const std::optional<int64_t>& view) {
  const bool has_test = opened_->data.test != nullptr;
  if (!view.has_value() || (!has_test && !trial.workload().has_own_test())) return std::nullopt;
  absl::StatusOr<Evaluation> evaluation =
      trial.Evaluate(*view, has_test ? &opened_->test : nullptr);
  if (!evaluation.ok()) return evaluation.status();
  return *evaluation;
}

absl::Status RunEffects::Record(int lane, MetricsRow row,
                                const std::optional<Evaluation>& evaluation) {
  const TrialSet::Place at = opened_->trials.place(lane);
  const Trial& trial = opened_->trials.of_lane(lane);
  row.trial = trial.LaneName(at.lane);
  row.epoch = trial.epoch(at.lane);
  if (evaluation.has_value()) {
    row.test_loss = evaluation->loss;
    row.test_accuracy = evaluation->accuracy;
  }
  row.wall_seconds = status_->Get().seconds();
  return opened_->files->Record(lane, row);
}

void RunEffects::UpdateTrial(int number, std::optional<double> loss,
                             const std::optional<Evaluation>& evaluation) {
  const Trial& trial = *opened_->trials.trials()[number];
  if (loss.has_value()) series_.SetLoss(trial.spec().name(), *loss);
  if (evaluation.has_value()) series_.SetAccuracy(trial.spec().name(), evaluation->accuracy);
  const int64_t jobs_done = trial.jobs_done();
  const bool finished = trial.finished();
  status_->Change([&](v1::RunStatus& run) {
    v1::TrialStatus* status = run.mutable_trials(number);
    status->set_jobs_done(static_cast<uint64_t>(jobs_done));
    if (loss.has_value()) status->set_loss(*loss);
    if (evaluation.has_value()) status->set_accuracy(evaluation->accuracy);
    status->set_finished(finished);
  });
}

// ---- the disk -----------------------------------------------------------------------------------

absl::Status RunEffects::SaveCheckpoint() {
  const MutexLock one_at_a_time(save_mutex_);
  const absl::Time start = clock_.Now();
  const v1::RunStatus status = status_->Get();
  v1::CheckpointManifest manifest;
  manifest.set_run(run_);
  manifest.set_train_checksum(opened_->data.train->info().checksum);
  manifest.set_test_checksum(opened_->data.test == nullptr ? 0
                                                           : opened_->data.test->info().checksum);
  manifest.set_seconds_running(status.seconds());
  manifest.set_rounds(status.rounds());
  manifest.set_stragglers_tolerated(status.stragglers_tolerated());
  manifest.set_uncoded_extra_seconds(status.uncoded_extra_seconds());
  manifest.set_replies_late(status.replies_late());
  manifest.set_jobs_missed(status.jobs_missed());
  manifest.set_jobs_late(status.jobs_late());
  manifest.set_workers_lost(status.workers_lost());
  for (const v1::TrialStatus& at : status.trials()) {
    v1::TrialCheckpoint* trial = manifest.add_trials();
    trial->set_name(at.name());
    trial->set_loss(at.loss());
    trial->set_finished(at.finished());
    if (at.has_accuracy()) trial->set_accuracy(at.accuracy());
  }
  absl::Status saved = opened_->files->Save(std::move(manifest), opened_->trials.trials());
  if (!saved.ok()) return saved;
  metrics_->checkpoints.Increment();
  metrics_->checkpoint_seconds.Observe(absl::ToDoubleSeconds(clock_.Now() - start));
  return absl::OkStatus();
}

absl::Status RunEffects::DoFinish(const v1::RunSpec& spec, int state, const std::string& error,
                                  const std::vector<InvocationObserved>& invocations) {
  absl::Status saved = SaveCheckpoint();
  std::vector<std::string> digests;
  for (const std::unique_ptr<Trial>& trial : opened_->trials.trials()) {
    digests.push_back(trial->Sha256());
  }
  status_->Change([&](v1::RunStatus& status) {
    for (int i = 0; i < status.trials_size(); ++i) {
      status.mutable_trials(i)->set_parameters_sha256(digests[i]);
    }
  });
  v1::RunStatus final_status = status_->Get();
  final_status.set_state(static_cast<v1::RunState>(state));
  final_status.set_error(error);
  final_status.set_seconds_left(0);
  absl::Status written =
      opened_->files->Finish(opened_->trials.trials(), spec, final_status, invocations);
  series_.Close();
  return saved.ok() ? written : saved;
}

}  // namespace gradloom
