#include "worker/pipeline.h"

#include <unistd.h>

#include <atomic>
#include <exception>
#include <new>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/ops/logging.h"
#include "proto/ops/steady_clock.h"
#include "worker/freeze.h"

namespace gradloom {
namespace {

constexpr size_t kLargeReply = size_t{64} << 20;  // bytes
constexpr int kCrashExitCode = 137;               // as if killed by SIGKILL

PaceBook::Lane LaneOf(const WaitingTask& waiting) {
  return {waiting.key.run, waiting.task.trial(), waiting.task.lane()};
}

absl::Status Dropped() { return absl::CancelledError("dropped"); }

}  // namespace

// A task between Start and Finish.
struct Pipeline::InHand {
  WaitingTask waiting;
  std::shared_ptr<const ServedRun> run;
  uint64_t generation = 0;
  bool large = false;  // its reply is
  double compute_seconds = 0;
  std::stop_source stop;
  std::atomic<int64_t> examples_done = 0;

  // Guarded by the pipeline's lock:
  bool tell_dropped = false;
  bool has_segments = false;
  absl::Time compute_begin = absl::InfinitePast();
  int64_t examples_total = 0;
  bool computed = false;

  const v1::Task& spec() const { return waiting.task; }
  const ServedTrial& trial() const { return run->trials[waiting.task.trial()]; }
  bool stopped() const { return stop.stop_requested(); }
};

Pipeline::Pipeline(WorkerResources& resources, Ports ports)
    : resources_(resources), ports_(std::move(ports)), core_(resources.options.capacity) {}

Pipeline::~Pipeline() { End(); }

absl::Status Pipeline::Start() {
  try {
    for (int i = 0; i < 2 * resources_.options.capacity; ++i) {
      threads_.emplace_back([this] { Work(); });
    }
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no more than ", threads_.size(), " of 2 x --capacity ",
                     resources_.options.capacity, " threads: ", error.what()));
  }
  return absl::OkStatus();
}

void Pipeline::SetGeneration(uint64_t generation) {
  const MutexLock lock(mutex_);
  generation_ = generation;
}

v1::Heartbeat Pipeline::Heartbeat() const {
  const MutexLock lock(mutex_);
  v1::Heartbeat heartbeat;
  heartbeat.set_tasks_waiting(static_cast<uint32_t>(core_.waiting().size()));
  heartbeat.set_tasks_in_hand(static_cast<uint32_t>(core_.in_hand()));
  heartbeat.set_tasks_done(done_);
  return heartbeat;
}

// ---- what the coordinator says ------------------------------------------------------------------

void Pipeline::Assign(const v1::Assign& assign) {
  WorkerCore::Assigned assigned;
  {
    const MutexLock lock(mutex_);
    if (ending_) return;
    assigned = core_.Assign(assign, SteadyNow());
    CountTasks();
    changed_.NotifyAll();
  }
  resources_.metrics.tasks_duplicate.Increment(assigned.duplicates);
  for (const TaskKey key : assigned.rejected) {
    TellFailed(key, absl::StrCat("the worker's queue is full (", WorkerCore::kMaxWaiting, ")"),
               /*fatal=*/false);
  }
}

void Pipeline::Drop(const v1::Drop& drop) {
  const std::shared_ptr<const ServedRun> run = ports_.find_run(drop.run());
  std::vector<std::pair<TaskKey, double>> dropped;
  {
    const MutexLock lock(mutex_);
    const WorkerCore::Stopped stopped = core_.Drop(drop);
    for (const WaitingTask& task : stopped.waiting) {
      dropped.emplace_back(task.key, EstimateWaiting(task, run.get()));
    }
    StopTasks(stopped, /*tell=*/true);
  }
  for (const auto& [key, seconds] : dropped) TellDropped(key, seconds);
}

void Pipeline::EndRun(uint64_t run) {
  const MutexLock lock(mutex_);
  StopTasks(core_.EndRun(run), /*tell=*/false);
  delays_.EndRun(run);
  paces_.EndRun(run);
}

void Pipeline::End() {
  const MutexLock lock(mutex_);
  ending_ = true;
  StopTasks(core_.EndAll(), /*tell=*/false);
}

void Pipeline::StopTasks(const WorkerCore::Stopped& stopped, bool tell) {
  resources_.metrics.tasks_dropped.Increment(static_cast<double>(stopped.waiting.size()));
  for (const TaskKey key : stopped.in_hand) {
    const auto found = in_hand_.find(key);
    if (found == in_hand_.end() || found->second->stopped()) continue;
    found->second->tell_dropped = tell;
    found->second->stop.request_stop();
  }
  CountTasks();
  changed_.NotifyAll();
}

void Pipeline::CountTasks() {
  const size_t tasks = core_.waiting().size() + core_.in_hand();
  resources_.metrics.tasks_waiting.Set(static_cast<double>(tasks));
  ports_.busy(tasks > 0);
}

// ---- a task's way -------------------------------------------------------------------------------

void Pipeline::Work() {
  while (true) {
    InHand task;
    if (!TakeNext(task)) return;
    task.run = ports_.find_run(task.waiting.key.run);
    const absl::Status status = CarryThroughOrFail(task);
    // Gone before its end is told, so that a Drop that crosses it finds nothing to stop.
    PutDown(task, status.ok());
    Report(task, status);
  }
}

bool Pipeline::TakeNext(InHand& task) {
  const MutexLock lock(mutex_);
  std::optional<WaitingTask> next;
  while (!ending_ && !(next = core_.Start()).has_value()) changed_.Wait(mutex_);
  if (!next.has_value()) return false;
  task.waiting = *std::move(next);
  task.generation = generation_;
  in_hand_[task.waiting.key] = &task;
  return true;
}

void Pipeline::PutDown(InHand& task, bool done) {
  const MutexLock lock(mutex_);
  in_hand_.erase(task.waiting.key);
  core_.Finish(task.waiting.key);
  if (done) ++done_;
  CountTasks();
  changed_.NotifyAll();
}

absl::Status Pipeline::CarryThroughOrFail(InHand& task) {
  try {
    return CarryThrough(task);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("this worker has no memory left for the task");
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("unexpected at this worker: ", error.what()));
  }
}

absl::Status Pipeline::CarryThrough(InHand& task) {
  if (task.run == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("run ", task.waiting.key.run, " is not open at this worker"));
  }
  // Coordinator and worker disagree; another worker may not.
  if (absl::Status status = ChunkExecutor::Check(*task.run, task.spec()); !status.ok()) {
    return absl::FailedPreconditionError(status.message());
  }
  const absl::StatusOr<ReplyLayout> reply =
      task.trial().workload->LayoutOf(static_cast<int>(task.spec().lane()), task.spec().request());
  if (!reply.ok()) return reply.status();
  const auto length = static_cast<size_t>(reply->length());
  task.large = length * sizeof(float) > kLargeReply;
  {
    const MutexLock lock(mutex_);
    task.examples_total = ChunkExecutor::Positions(*task.run, task.spec());
  }

  // While another task computes; but two versions of large parameters may not fit.
  absl::StatusOr<std::vector<ParameterCache::Pointer>> segments;
  if (!task.large) segments = Segments(task);
  if (!task.large && !segments.ok()) return segments.status();
  if (absl::Status status = WaitForTurn(task); !status.ok()) return status;
  if (absl::Status status = Straggle(task); !status.ok()) return status;
  if (task.large) segments = Segments(task);
  if (!segments.ok()) return segments.status();

  std::vector<float> sum = resources_.buffers.Take(length);
  absl::Status status = Compute(task, *segments, sum);
  // The segments may go while the reply is sent.
  segments->clear();
  if (status.ok()) {
    {
      const MutexLock lock(mutex_);
      core_.Computed(task.waiting.key);
      changed_.NotifyAll();
    }
    status = Send(task, *reply, sum);
  }
  resources_.buffers.Give(std::move(sum));
  return status;
}

absl::Status Pipeline::WaitForTurn(InHand& task) {
  const MutexLock lock(mutex_);
  while (!task.stopped()) {
    if (core_.TryCompute(task.waiting.key, task.large)) return absl::OkStatus();
    changed_.Wait(mutex_);
  }
  return Dropped();
}

absl::Status Pipeline::Straggle(InHand& task) {
  const v1::Task& spec = task.spec();
  const Straggler& straggler = task.run->straggler;
  const absl::Time begin = SteadyNow();
  DelayBook::Begun begun;
  {
    const MutexLock lock(mutex_);
    begun = delays_.Begin(task.waiting.key.run, spec, straggler, begin);
  }
  if (begun.first_of_job && straggler.Crash(spec.slot(), spec.job(), spec.attempt())) {
    Log(LogLevel::kError, "crashing on purpose", {{"slot", spec.slot()}, {"job", spec.job()}});
    _exit(kCrashExitCode);
  }
  const auto freeze = straggler.Freeze(spec.slot(), spec.job(), spec.attempt());
  if (begun.first_of_job && freeze.has_value()) {
    Log(LogLevel::kWarning, "freezing on purpose",
        {{"slot", spec.slot()}, {"job", spec.job()}, {"seconds", absl::ToDoubleSeconds(*freeze)}});
    FreezeProcess(*freeze);
  }
  const MutexLock lock(mutex_);
  for (absl::Time now = SteadyNow(); !task.stopped() && now < begun.slow_until; now = SteadyNow()) {
    changed_.WaitFor(mutex_, begun.slow_until - now);
  }
  resources_.metrics.delay_seconds.Increment(absl::ToDoubleSeconds(SteadyNow() - begin));
  return task.stopped() ? Dropped() : absl::OkStatus();
}

absl::StatusOr<std::vector<ParameterCache::Pointer>> Pipeline::Segments(InHand& task) {
  std::vector<ParameterCache::Pointer> segments;
  for (const v1::SegmentVersion& read : task.spec().reads()) {
    auto segment = Segment(task, read);
    // Damage on the way is rare and its own: once more.
    if (absl::IsDataLoss(segment.status())) segment = Segment(task, read);
    if (!segment.ok()) return segment.status();
    segments.push_back(*std::move(segment));
  }
  const MutexLock lock(mutex_);
  task.has_segments = true;
  return segments;
}

absl::StatusOr<ParameterCache::Pointer> Pipeline::Segment(const InHand& task,
                                                          const v1::SegmentVersion& read) {
  const Workload& workload = *task.trial().workload;
  const auto length = static_cast<size_t>(workload.SegmentSize(static_cast<int>(read.segment())));
  v1::FetchParametersRequest request;
  request.set_run(task.waiting.key.run);
  request.set_trial(task.spec().trial());
  *request.mutable_segment() = read;
  request.set_generation(task.generation);
  const ParameterCache::Segment segment{task.run->serial, task.spec().trial(), read.segment()};
  bool hit = false;
  auto parameters = resources_.parameters.Get(
      segment, read.version(), length, [&] { return ports_.source->Fetch(request, length); }, hit);
  (hit ? resources_.metrics.parameter_hits : resources_.metrics.parameter_misses).Increment();
  if (!hit && parameters.ok()) {
    const bool own = read.segment() < workload.segments().size();  // else a direction
    resources_.parameters.ForgetOld(segment, read.version(),
                                    own ? workload.segments()[read.segment()].history : 0,
                                    StillRead(task, read.segment()));
  }
  return parameters;
}

std::vector<uint64_t> Pipeline::StillRead(const InHand& by, uint32_t segment) const {
  std::vector<uint64_t> versions;
  const auto add = [&](const WaitingTask& other) {
    if (other.key.run != by.waiting.key.run || other.task.trial() != by.spec().trial()) return;
    for (const v1::SegmentVersion& read : other.task.reads()) {
      if (read.segment() == segment) versions.push_back(read.version());
    }
  };
  const MutexLock lock(mutex_);
  for (const WaitingTask& waiting : core_.waiting()) add(waiting);
  for (const auto& [key, task] : in_hand_) {
    if (!task->has_segments) add(task->waiting);
  }
  return versions;
}

absl::Status Pipeline::Compute(InHand& task, std::span<const ParameterCache::Pointer> segments,
                               std::span<float> sum) {
  ChunkExecutor::Segments values;
  for (const ParameterCache::Pointer& segment : segments) {
    values.push_back(std::as_const(*segment).span());
  }
  const absl::Time begin = SteadyNow();
  {
    const MutexLock lock(mutex_);
    task.compute_begin = begin;
  }
  const auto keep_going = [&](int64_t examples_done) {
    task.examples_done = examples_done;
    return !task.stopped();
  };
  absl::Status status =
      resources_.executor.Compute(*task.run, task.spec(), values, keep_going, sum);
  if (!status.ok()) return status;

  task.compute_seconds = absl::ToDoubleSeconds(SteadyNow() - begin);
  resources_.metrics.compute_seconds.Observe(task.compute_seconds);
  const MutexLock lock(mutex_);
  task.computed = true;
  task.examples_done = task.examples_total;
  resources_.metrics.examples.Increment(static_cast<double>(task.examples_total));
  paces_.Learn(LaneOf(task.waiting), task.compute_seconds, task.examples_total);
  return task.stopped() ? Dropped() : absl::OkStatus();
}

absl::Status Pipeline::Send(InHand& task, const ReplyLayout& reply, std::span<const float> sum) {
  v1::VectorHeader header;
  header.set_run(task.waiting.key.run);
  header.set_task(task.waiting.key.task);
  header.set_generation(task.generation);
  header.set_trial(task.spec().trial());
  header.set_format(task.run->reply_format);
  header.set_compute_seconds(task.compute_seconds);
  header.set_examples(sum[reply.At("examples").offset]);
  const absl::StatusOr<bool> wanted =
      ports_.sink->Send(header, task.run->frame_bytes, sum, task.stop.get_token());
  if (!wanted.ok()) return task.stopped() ? Dropped() : wanted.status();
  (*wanted ? resources_.metrics.tasks_done : resources_.metrics.tasks_late).Increment();
  return absl::OkStatus();
}

// ---- what is said of it -------------------------------------------------------------------------

void Pipeline::Report(InHand& task, const absl::Status& status) {
  if (status.ok()) return;
  double seconds = 0;
  bool ending = false, tell = false;
  {
    const MutexLock lock(mutex_);
    ending = ending_;
    tell = task.tell_dropped && !ending_;
    if (tell) seconds = Estimate(task);
  }
  // A stale version means that the coordinator has moved on.
  if (ending || task.stopped() || absl::IsNotFound(status)) {
    resources_.metrics.tasks_dropped.Increment();
    if (tell) TellDropped(task.waiting.key, seconds);
    return;
  }
  TellFailed(task.waiting.key, std::string(status.message()), absl::IsInvalidArgument(status));
}

void Pipeline::TellFailed(TaskKey key, const std::string& error, bool fatal) {
  resources_.metrics.tasks_failed.Increment();
  Log(LogLevel::kError, "task failed",
      {{"run", key.run}, {"task", key.task}, {"fatal", fatal}, {"error", error}});
  v1::FromWorker message;
  v1::TaskFailed& failed = *message.mutable_task_failed();
  failed.set_run(key.run);
  failed.set_task(key.task);
  failed.set_error(error);
  failed.set_fatal(fatal);
  ports_.tell(message);
}

void Pipeline::TellDropped(TaskKey key, double seconds) {
  v1::FromWorker message;
  v1::TaskDropped& dropped = *message.mutable_task_dropped();
  dropped.set_run(key.run);
  dropped.set_task(key.task);
  dropped.set_estimated_seconds(seconds);
  ports_.tell(message);
}

double Pipeline::EstimateWaiting(const WaitingTask& waiting, const ServedRun* run) const {
  const absl::Time now = SteadyNow();
  TaskProgress progress;
  progress.since_assigned = now - waiting.assigned;
  double pace = 0;
  if (run != nullptr && ChunkExecutor::Check(*run, waiting.task).ok()) {
    progress.examples_total = ChunkExecutor::Positions(*run, waiting.task);
    progress.delay_left = delays_.Left(waiting.key.run, waiting.task, run->straggler, now);
    pace = paces_.SecondsPerExample(LaneOf(waiting));
  }
  return EstimateSeconds(progress, pace);
}

double Pipeline::Estimate(const InHand& task) const {
  const absl::Time now = SteadyNow();
  TaskProgress progress;
  progress.since_assigned = now - task.waiting.assigned;
  if (task.compute_begin != absl::InfinitePast()) {
    progress.compute_spent = now - task.compute_begin;
  } else if (task.run != nullptr) {
    progress.delay_left = delays_.Left(task.waiting.key.run, task.spec(), task.run->straggler, now);
  }
  progress.examples_done = task.examples_done;
  progress.examples_total = task.examples_total;
  progress.computed = task.computed;
  return EstimateSeconds(progress, paces_.SecondsPerExample(LaneOf(task.waiting)));
}

}  // namespace gradloom
