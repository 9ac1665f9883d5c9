#include "tests/simulation/simulated_effects.h"

#include <algorithm>
#include <utility>

namespace gradloom {
namespace {

constexpr int kCanaryJob = 3;  // of those applied, which a canary is at

}  // namespace

SimulatedEffects::SimulatedEffects(OpenedRun& opened, StatusBook& status, Canary canary,
                                   Draws draws, Ports ports)
    : opened_(opened),
      status_(status),
      canary_(canary),
      draws_(draws),
      ports_(std::move(ports)),
      updates_(opened.trials.trials().size() > 1 ? 2 : 1, absl::InfinitePast()),
      evaluations_(1, absl::InfinitePast()),
      disk_(1, absl::InfinitePast()) {}

void SimulatedEffects::Post(Pool& pool, absl::Duration takes, std::function<RunEvent()> effect) {
  absl::Time& thread = *std::min_element(pool.begin(), pool.end());
  const absl::Time start = std::max(thread, ports_.time.Now());
  thread = start + takes;
  const absl::Duration until_done = start - ports_.time.Now() + draws_.Seconds(0, 1) * takes;
  const absl::Duration until_answer = thread - ports_.time.Now() - until_done;
  ports_.later(until_done, [this, until_answer, effect = std::move(effect)] {
    RunEvent event = effect();
    ports_.later(until_answer,
                 [this, event = std::move(event)]() mutable { ports_.answer(std::move(event)); });
  });
}

void SimulatedEffects::Apply(const ApplyJob& apply, std::shared_ptr<const JobSum> sum,
                             double count_tolerance) {
  if (!ports_.safety.MayApply(apply)) return;
  Post(updates_, draws_.Between(0.001, 0.05),
       [this, apply, sum, count_tolerance] { return DoApply(apply, *sum, count_tolerance); });
}

RunEvent SimulatedEffects::DoApply(const ApplyJob& apply, const JobSum& sum,
                                   double count_tolerance) {
  absl::StatusOr<RunEvent> moved = Move(apply, sum, count_tolerance);
  if (!moved.ok()) return Event(EffectFailed{std::string(moved.status().message())});
  ports_.safety.Applied(apply.lane, apply.lane_job);
  return *moved;
}

absl::StatusOr<RunEvent> SimulatedEffects::Move(const ApplyJob& apply, const JobSum& sum,
                                                double count_tolerance) {
  const auto [number, lane] = opened_.trials.place(apply.lane);
  Trial& trial = opened_.trials.of_lane(apply.lane);
  const bool canary = ++applied_ == kCanaryJob;
  if (canary && canary_ == Canary::kSkipsAnUpdate) return Event(JobApplied{apply.lane});
  const Trial::Effect whole(trial);
  auto applied = trial.Apply(lane, apply.lane_job, sum, apply.decoding, count_tolerance);
  if (!applied.ok()) return applied.status();
  if (!applied->has_value()) return Event(JobApplied{apply.lane});
  if (canary && canary_ == Canary::kAppliesTwice) {
    applied = trial.Apply(lane, apply.lane_job + 1, sum, apply.decoding, count_tolerance);
    if (!applied.ok()) return applied.status();
  }
  MetricsRow row;
  row.trial = trial.LaneName(lane);
  row.job = static_cast<uint64_t>(apply.lane_job);
  row.round = opened_.before.rounds() + static_cast<uint64_t>(apply.round);
  row.loss = (*applied)->loss;
  const std::optional<int64_t> view = (*applied)->evaluate;
  if (auto status = opened_.files->Record(apply.lane, row, view); !status.ok()) return status;
  const int64_t jobs_done = trial.jobs_done();
  status_.Change([&, number = number](v1::RunStatus& status) {
    status.mutable_trials(number)->set_jobs_done(static_cast<uint64_t>(jobs_done));
    status.mutable_trials(number)->set_finished(trial.finished());
  });
  Event done = JobApplied{apply.lane, opened_.trials.FinishedLanes(number)};
  if (!view.has_value()) return done;
  return ViewDue{std::move(done), number, *view};
}

void SimulatedEffects::Evaluate(const EvaluateChunk& chunk) {
  Post(evaluations_, draws_.Between(0.005, 0.1), [this, chunk] {
    const Trial& trial = *opened_.trials.trials()[chunk.trial];
    return EvaluationAnswered{
        chunk.id, 0,
        trial.EvaluateChunk(chunk.view, chunk.rows, &opened_.test, [] { return true; })};
  });
}

void SimulatedEffects::TakeEvaluation(int trial, int64_t view, const Evaluation& evaluation) {
  Post(updates_, draws_.Between(0.001, 0.05), [this, trial, view, evaluation]() -> RunEvent {
    absl::StatusOr<RunEvent> taken = Take(trial, view, evaluation);
    if (!taken.ok()) return Event(EffectFailed{std::string(taken.status().message())});
    return *std::move(taken);
  });
}

absl::StatusOr<RunEvent> SimulatedEffects::Take(int number, int64_t view,
                                                const Evaluation& evaluation) {
  Trial& trial = *opened_.trials.trials()[number];
  const Trial::Effect whole(trial);
  trial.Evaluated(view, evaluation);
  for (int lane = 0; lane < trial.lanes(); ++lane) {
    const auto row =
        opened_.files->Evaluated(opened_.trials.lane(number, lane), view, evaluation,
                                 static_cast<uint64_t>(trial.progress(lane).jobs_done));
    if (!row.ok()) return row.status();
  }
  const bool finished = trial.finished();
  status_.Change([&](v1::RunStatus& status) {
    status.mutable_trials(number)->set_accuracy(evaluation.accuracy);
    status.mutable_trials(number)->set_finished(finished);
  });
  return EvaluationTaken{number, view, opened_.trials.FinishedLanes(number), trial.DueViews()};
}

void SimulatedEffects::Miss(const MissJob&) {
  ports_.safety.Complain("a job is missed of a run that gives up none");
}

void SimulatedEffects::Checkpoint() {
  ports_.safety.Checkpoint();
  const absl::Duration takes = draws_.Between(0.005, 0.3);
  Post(disk_, takes, [this, takes] {
    absl::Status status = SaveCheckpoint();
    ports_.safety.CheckpointAnswered();
    return CheckpointSaved{std::move(status), takes};
  });
}

absl::Status SimulatedEffects::SaveCheckpoint() {
  const v1::RunStatus run = status_.Get();
  v1::CheckpointManifest manifest;
  manifest.set_run(run.run());
  manifest.set_train_checksum(opened_.data.train->info().checksum);
  manifest.set_rounds(run.rounds());
  for (const v1::TrialStatus& trial : run.trials()) {
    manifest.add_trials()->set_name(trial.name());
  }
  absl::Status status = opened_.files->Save(std::move(manifest), opened_.trials.trials());
  if (status.ok()) ports_.safety.Saved();
  return status;
}

void SimulatedEffects::Finish(const v1::RunSpec& spec, int state, const std::string& error,
                              std::vector<InvocationObserved> invocations) {
  ports_.safety.Finish();
  const absl::Duration updates =
      *std::max_element(updates_.begin(), updates_.end()) - ports_.time.Now();
  ports_.later(std::max(updates, absl::ZeroDuration()), [=, this] {
    Post(disk_, draws_.Between(0.005, 0.3), [=, this] {
      absl::Status saved = SaveCheckpoint();
      v1::RunStatus status = status_.Get();
      status.set_state(static_cast<v1::RunState>(state));
      status.set_error(error);
      absl::Status written =
          opened_.files->Finish(opened_.trials.trials(), spec, status, invocations);
      return RunClosed{saved.ok() ? written : saved};
    });
  });
}

}  // namespace gradloom
