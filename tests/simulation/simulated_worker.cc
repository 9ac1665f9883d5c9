#include "tests/simulation/simulated_worker.h"

#include <algorithm>
#include <utility>

namespace gradloom {

void SimulatedWorker::Later(absl::Duration delay, std::function<void()> what) {
  time_.After(delay, [this, epoch = epoch_, what = std::move(what)]() mutable {
    Run(epoch, std::move(what));
  });
}

void SimulatedWorker::Run(uint64_t epoch, std::function<void()> what) {
  if (epoch != epoch_) return;
  if (!frozen()) return what();
  time_.At(frozen_until_,
           [this, epoch, what = std::move(what)]() mutable { Run(epoch, std::move(what)); });
}

// ---- the process and its connection -------------------------------------------------------------

void SimulatedWorker::Start() {
  if (running()) return;
  ++instance_;
  frozen_until_ = hangs_until_ = absl::InfinitePast();
  Forget();
  Dial();
}

void SimulatedWorker::Kill() {
  if (!running()) return;
  if (connection_.id != 0) network_.Disconnect(connection_);
  Forget();
  core_.reset();
}

void SimulatedWorker::Forget() {
  ++epoch_;
  connection_ = {};
  tasks_.clear();
  core_.emplace(traits_.capacity);
}

void SimulatedWorker::Dial() {
  connection_ = network_.Connect({number_, traits_.name, traits_.isa, instance_});
  if (connection_.id == 0) Later(draws_.Between(0.2, 1), [this] { Dial(); });
}

void SimulatedWorker::Lost(Connection connection) {
  // It sees that when it can see anything.
  Later(absl::ZeroDuration(), [this, connection] {
    if (connection_ != connection) return;
    Forget();
    Later(draws_.Between(0.05, 0.5), [this] { Dial(); });
  });
}

void SimulatedWorker::Receive(Connection connection, const v1::ToWorker& message) {
  if (!running() || connection != connection_) return;
  Later(absl::ZeroDuration(), [this, message] {
    if (message.has_run_offer()) {
      Later(draws_.Between(0.01, 0.1), [this] { Answer(); });
    } else if (message.has_assign()) {
      core_->Assign(message.assign(), time_.Now());
      StartTasks();
    } else if (message.has_drop()) {
      Drop(message.drop());
    } else if (message.has_evaluate() && !traits_.mute) {
      Later(draws_.Between(0.001, 0.01), [this, message] { Evaluate(message.evaluate()); });
    }
  });
}

void SimulatedWorker::Answer() {
  v1::FromWorker message;
  v1::RunReady& ready = *message.mutable_run_ready();
  ready.set_run(kRunId);
  if (!traits_.unfit.empty() && time_.seconds() < traits_.fit_after) {
    ready.set_error(traits_.unfit);
    const double left = traits_.fit_after - time_.seconds();
    Later(absl::Seconds(left), [this] { Answer(); });
  }
  ready.set_data_checksum(model_.data.train->info().checksum);
  network_.Tell(connection_, message);
}

// ---- tasks --------------------------------------------------------------------------------------

void SimulatedWorker::StartTasks() {
  while (std::optional<WaitingTask> next = core_->Start()) {
    const TaskKey key = next->key;
    tasks_[key].waiting = *std::move(next);
    Later(draws_.Between(0.001, 0.01), [this, key] { Prepare(key); });
  }
}

void SimulatedWorker::Prepare(TaskKey key) {
  const auto found = tasks_.find(key);
  if (found == tasks_.end()) return;
  InHand& task = found->second;
  for (const v1::SegmentVersion& read : task.waiting.task.reads()) {
    std::optional<std::vector<float>> values =
        network_.Fetch(connection_, task.waiting.task.trial(), read);
    // A stale version means that the coordinator has moved on.
    if (!values.has_value()) return PutDown(key);
    task.segments.push_back(*std::move(values));
  }
  task.ready = true;
  ComputeWhatMay();
}

void SimulatedWorker::ComputeWhatMay() {
  if (traits_.mute) return;
  for (bool more = true; more;) {
    more = false;
    for (auto& [key, task] : tasks_) {
      if (!task.ready || task.computing || !core_->TryCompute(key, false)) continue;
      more = task.computing = true;
      task.computing_since = time_.Now();
      Later(ComputeTime(), [this, key = key] { Compute(key); });
    }
  }
}

absl::Duration SimulatedWorker::ComputeTime() {
  if (troubled() && draws_.Chance(faults_.straggles)) return draws_.Between(1, 4);
  return draws_.Around(0.1, 0.2);
}

void SimulatedWorker::Compute(TaskKey key) {
  const auto found = tasks_.find(key);
  if (found == tasks_.end()) return;
  if (time_.Now() < hangs_until_) {
    return Later(hangs_until_ - time_.Now(), [this, key] { Compute(key); });
  }
  InHand& task = found->second;
  const v1::Task& spec = task.waiting.task;
  absl::Status status = ChunkExecutor::Check(*model_.served, spec);
  if (!traits_.fails.empty()) status = absl::ResourceExhaustedError(traits_.fails);
  if (status.ok() && troubled() && draws_.Chance(faults_.fails) && may_fail_(spec)) {
    status = absl::ResourceExhaustedError("out of memory");
  }
  const Workload& workload = *model_.served->trials[spec.trial()].workload;
  PushedReply reply{key.task};
  reply.sum.resize(static_cast<size_t>(workload.lanes()[spec.lane()].reply.length()));
  if (status.ok()) {
    const ChunkExecutor::Segments segments(task.segments.begin(), task.segments.end());
    status = executor_.Compute(
        *model_.served, spec, segments, [](int64_t) { return true; }, reply.sum);
  }
  if (!status.ok()) {
    PutDown(key);
    return TellFailed(key, std::string(status.message()), traits_.fails_fatally);
  }
  reply.compute_seconds = absl::ToDoubleSeconds(time_.Now() - task.computing_since);
  reply.examples = reply.sum.back();
  core_->Computed(key);
  ComputeWhatMay();
  Send(key, std::move(reply));
}

void SimulatedWorker::Send(TaskKey key, PushedReply reply) {
  network_.Push(connection_, std::move(reply), [this, key, epoch = epoch_](bool answered) {
    Run(epoch, [this, key, answered] {
      if (!tasks_.contains(key)) return;
      PutDown(key);
      if (!answered) TellFailed(key, "the stream broke off", false);
    });
  });
}

void SimulatedWorker::PutDown(TaskKey key) {
  tasks_.erase(key);
  core_->Finish(key);
  StartTasks();
  ComputeWhatMay();
}

void SimulatedWorker::Drop(const v1::Drop& drop) {
  const WorkerCore::Stopped stopped = core_->Drop(drop);
  for (const WaitingTask& task : stopped.waiting) TellDropped(task);
  for (const TaskKey key : stopped.in_hand) {
    const auto found = tasks_.find(key);
    if (found == tasks_.end()) continue;
    TellDropped(found->second.waiting);
    tasks_.erase(found);
    core_->Finish(key);
  }
  StartTasks();
  ComputeWhatMay();
}

void SimulatedWorker::Evaluate(const v1::Evaluate& task) {
  if (!tasks_.empty() || time_.Now() < hangs_until_) {
    return Later(draws_.Between(0.01, 0.1), [this, task] { Evaluate(task); });
  }
  std::vector<std::vector<float>> segments;
  for (int segment = 0; segment < task.versions_size(); ++segment) {
    v1::SegmentVersion read;
    read.set_segment(static_cast<uint32_t>(segment));
    read.set_version(task.versions(segment));
    auto values = network_.Fetch(connection_, task.trial(), read);
    if (!values.has_value()) return;  // the coordinator has moved on
    segments.push_back(*std::move(values));
  }
  const absl::Status sane = ChunkExecutor::Check(*model_.served, task);
  absl::StatusOr<EvaluationResult> result = EvaluationSums();
  if (sane.ok()) {
    result = executor_.Evaluate(*model_.served, task, {segments.begin(), segments.end()},
                                [] { return true; });
  } else {
    result = sane;
  }
  v1::FromWorker message;
  v1::Evaluated& evaluated = *message.mutable_evaluated();
  evaluated.set_run(task.run());
  evaluated.set_id(task.id());
  if (!traits_.fails.empty()) result = absl::ResourceExhaustedError(traits_.fails);
  if (!result.ok()) {
    evaluated.set_error(std::string(result.status().message()));
  } else {
    const auto& sums = std::get<EvaluationSums>(*result);
    evaluated.mutable_sums()->set_loss(sums.loss);
    evaluated.mutable_sums()->set_correct(sums.correct);
    evaluated.mutable_sums()->set_examples(static_cast<uint64_t>(sums.examples));
    evaluated.mutable_sums()->set_target_mean(sums.target_mean);
    evaluated.mutable_sums()->set_target_spread(sums.target_spread);
  }
  Later(draws_.Between(0.001, 0.05), [this, message] { network_.Tell(connection_, message); });
}

// ---- what it says -------------------------------------------------------------------------------

void SimulatedWorker::TellFailed(TaskKey key, const std::string& error, bool fatal) {
  v1::FromWorker message;
  v1::TaskFailed& failed = *message.mutable_task_failed();
  failed.set_run(key.run);
  failed.set_task(key.task);
  failed.set_error(error);
  failed.set_fatal(fatal);
  network_.Tell(connection_, message);
}

void SimulatedWorker::TellDropped(const WaitingTask& task) {
  v1::FromWorker message;
  v1::TaskDropped& dropped = *message.mutable_task_dropped();
  dropped.set_run(task.key.run);
  dropped.set_task(task.key.task);
  dropped.set_estimated_seconds(absl::ToDoubleSeconds(time_.Now() - task.assigned) + 0.1);
  network_.Tell(connection_, message);
}

}  // namespace gradloom
