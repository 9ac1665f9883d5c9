#include "coordinator/engine/run_effects.h"

#include <algorithm>
#include <utility>

#include "models/kernels/kernels.h"

namespace gradloom {
namespace {

// Lanes of different trials are applied side by side.
int UpdateThreads(const OpenedRun& opened) { return opened.trials.trials().size() > 1 ? 2 : 1; }

RunEvent WithView(Event event, int trial, const std::optional<int64_t>& view) {
  if (!view.has_value()) return event;
  return ViewDue{std::move(event), trial, *view};
}

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
      evaluations_(std::make_unique<EffectPool>(1)),
      disk_(std::make_unique<EffectPool>(1)) {}

void RunEffects::Answer(const Done& answer) {
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

void RunEffects::Evaluate(const EvaluateChunk& chunk) {
  evaluations_->Post([this, chunk] { Answer(DoEvaluate(chunk)); });
}

void RunEffects::TakeEvaluation(int trial, int64_t view, const Evaluation& evaluation) {
  updates_->Post(
      [this, trial, view, evaluation] { Answer(DoTakeEvaluation(trial, view, evaluation)); });
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

RunEffects::Done RunEffects::DoApply(const ApplyJob& apply, const JobSum& sum,
                                     double count_tolerance) {
  const absl::Time start = clock_.Now();
  const auto [trial_number, lane] = opened_->trials.place(apply.lane);
  Trial& trial = opened_->trials.of_lane(apply.lane);
  const Trial::Effect whole(trial);
  if (apply.late) {
    absl::Status status =
        trial.ApplyLate(lane, apply.lane_job, sum, apply.decoding, count_tolerance);
    if (!status.ok()) return status;
    return Event(JobApplied{apply.lane});
  }
  absl::StatusOr<std::optional<AppliedJob>> applied =
      trial.Apply(lane, apply.lane_job, sum, apply.decoding, count_tolerance);
  if (!applied.ok()) return applied.status();
  if (!applied->has_value()) return Event(JobApplied{apply.lane});
  const AppliedJob& job = **applied;
  metrics_->jobs.Increment();
  metrics_->apply_seconds.Observe(absl::ToDoubleSeconds(clock_.Now() - start));
  UpdateTrial(trial_number, job.loss, std::nullopt);
  MetricsRow row;
  row.job = static_cast<uint64_t>(apply.lane_job);
  row.round = first_round_ + static_cast<uint64_t>(apply.round);
  row.stragglers = static_cast<uint64_t>(apply.stragglers);
  row.loss = job.loss;
  row.more = job.metrics;
  if (absl::Status status = Record(apply.lane, row, job.evaluate); !status.ok()) return status;
  return WithView(JobApplied{apply.lane, opened_->trials.FinishedLanes(trial_number)}, trial_number,
                  job.evaluate);
}

RunEffects::Done RunEffects::DoMiss(const MissJob& miss) {
  const auto [trial_number, lane] = opened_->trials.place(miss.lane);
  Trial& trial = opened_->trials.of_lane(miss.lane);
  const Trial::Effect whole(trial);
  const auto view = trial.ApplyMissing(lane, miss.lane_job);
  if (!view.ok()) return view.status();
  UpdateTrial(trial_number, std::nullopt, std::nullopt);
  if (view->has_value()) {
    MetricsRow row;
    row.job = static_cast<uint64_t>(miss.lane_job);
    if (absl::Status status = Record(miss.lane, row, *view); !status.ok()) return status;
  }
  return WithView(JobMissed{miss.lane, trial.progress(lane).jobs_done,
                            opened_->trials.FinishedLanes(trial_number)},
                  trial_number, *view);
}

RunEffects::Done RunEffects::DoEvaluate(const EvaluateChunk& chunk) {
  const ScopedKernels level(KernelsOfLevel(chunk.isa));
  const bool has_test = opened_->data.test != nullptr;
  absl::StatusOr<EvaluationResult> result = opened_->trials.trials()[chunk.trial]->EvaluateChunk(
      chunk.view, chunk.rows, has_test ? &opened_->test : nullptr,
      [this] { return !ending_.load(); });
  if (!result.ok()) return result.status();
  return EvaluationAnswered{.id = chunk.id, .worker = 0, .result = *std::move(result)};
}

RunEffects::Done RunEffects::DoTakeEvaluation(int number, int64_t view,
                                              const Evaluation& evaluation) {
  Trial& trial = *opened_->trials.trials()[number];
  const Trial::Effect whole(trial);
  trial.Evaluated(view, evaluation);
  std::optional<double> loss;
  for (int lane = 0; lane < trial.lanes(); ++lane) {
    const absl::StatusOr<std::optional<MetricsRow>> row =
        opened_->files->Evaluated(opened_->trials.lane(number, lane), view, evaluation,
                                  static_cast<uint64_t>(trial.progress(lane).jobs_done));
    if (!row.ok()) return row.status();
    if (row->has_value()) loss = (*row)->loss;
  }
  // What it ended with; lanes may have gone on meanwhile.
  if (!trial.finished()) loss.reset();
  UpdateTrial(number, loss, evaluation);
  return EvaluationTaken{number, view, opened_->trials.FinishedLanes(number), trial.DueViews()};
}

absl::Status RunEffects::Record(int lane, MetricsRow row, const std::optional<int64_t>& view) {
  const TrialSet::Place at = opened_->trials.place(lane);
  const Trial& trial = opened_->trials.of_lane(lane);
  row.trial = trial.LaneName(at.lane);
  row.epoch = trial.epoch(at.lane);
  row.wall_seconds = status_->Get().seconds();
  return opened_->files->Record(lane, std::move(row), view);
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
