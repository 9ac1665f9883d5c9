// Session: a task's way through the pipeline.
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/ops/logging.h"
#include "proto/wire/frame.h"
#include "worker/freeze.h"
#include "worker/session.h"
#include "worker/session_internal.h"

namespace gradloom {
namespace {

constexpr size_t kLargeReply = size_t{64} << 20;  // bytes
constexpr int kCrashExitCode = 137;               // as if killed by SIGKILL

std::tuple<uint64_t, uint32_t, uint32_t> PaceKey(const WaitingTask& waiting) {
  return {waiting.key.run, waiting.task.trial(), waiting.task.lane()};
}

absl::Status Dropped() { return absl::CancelledError("dropped"); }

}  // namespace

void Session::RunPipeline() {
  std::unique_lock lock(mutex_);
  while (true) {
    std::optional<WaitingTask> next;
    changed_.wait(lock, [&] { return ending_ || (next = core_.Start()).has_value(); });
    if (!next.has_value()) return;
    InHand task;
    task.waiting = *std::move(next);
    task.generation = generation_;
    task.cancelled = ending_;
    if (const auto run = runs_.find(task.waiting.key.run); run != runs_.end()) {
      task.run = run->second;
    }
    in_hand_[task.waiting.key] = &task;
    lock.unlock();

    const absl::Status status = CarryThrough(task);

    lock.lock();
    // Gone before its end is told, so that a Drop that crosses it finds nothing to stop.
    in_hand_.erase(task.waiting.key);
    core_.Finish(task.waiting.key);
    if (status.ok()) ++tasks_done_;
    resources_.metrics.tasks_waiting.Set(static_cast<double>(core_.waiting() + core_.in_hand()));
    changed_.notify_all();
    lock.unlock();
    Report(task, status);
    lock.lock();
  }
}

absl::Status Session::CarryThrough(InHand& task) {
  if (task.run == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("run ", task.waiting.key.run, " is not open at this worker"));
  }
  if (absl::Status status = ChunkExecutor::Check(*task.run, task.spec()); !status.ok()) {
    return status;
  }
  const LaneSpec& lane = task.trial().workload->lanes()[task.spec().lane()];
  const auto length = static_cast<size_t>(lane.reply_length);
  task.large = length * sizeof(float) > kLargeReply;
  {
    const std::lock_guard lock(mutex_);
    task.examples_total = ChunkExecutor::Positions(*task.run, task.spec());
  }

  // While another task computes; but two versions of large parameters may not fit.
  absl::StatusOr<std::vector<ParameterCache::Pointer>> segments;
  if (!task.large) segments = Segments(task);
  if (!task.large && !segments.ok()) return segments.status();
  {
    std::unique_lock lock(mutex_);
    bool mine = false;
    changed_.wait(lock, [&] {
      return task.cancelled || (mine = core_.TryCompute(task.waiting.key, task.large));
    });
    if (!mine) return Dropped();
  }
  if (absl::Status status = Straggle(task); !status.ok()) return status;
  if (task.large) segments = Segments(task);
  if (!segments.ok()) return segments.status();

  std::vector<float> sum = resources_.buffers.Take(length);
  absl::Status status = Compute(task, *segments, sum);
  // The segments may go while the reply is sent.
  segments->clear();
  if (status.ok()) {
    {
      const std::lock_guard lock(mutex_);
      core_.Computed(task.waiting.key);
      changed_.notify_all();
    }
    status = Push(task, sum);
  }
  resources_.buffers.Give(std::move(sum));
  return status;
}

absl::Status Session::Straggle(InHand& task) {
  const v1::Task& spec = task.spec();
  const Straggler& straggler = task.run->straggler;
  const absl::Time begin = SteadyNow();
  absl::Time until = begin;
  bool fresh = true;  // the invocation has not come to this job before
  {
    // A slot that is asked for several mini-tasks at once is slow once.
    const std::lock_guard lock(mutex_);
    Invocation& invocation = invocations_.Of(task.waiting.key.run, spec.invocation());
    if (!invocation.slow_until.has_value() || spec.invocation() == 0) {
      invocation.slow_until = begin + straggler.Delay(spec.slot(), spec.slot_invocation());
    }
    until = *invocation.slow_until;
    fresh = invocation.jobs.insert(spec.job()).second || spec.invocation() == 0;
  }
  if (fresh && straggler.Crash(spec.slot(), spec.job(), spec.attempt())) {
    Log(LogLevel::kError, "crashing on purpose", {{"slot", spec.slot()}, {"job", spec.job()}});
    _exit(kCrashExitCode);
  }
  const auto freeze = straggler.Freeze(spec.slot(), spec.job(), spec.attempt());
  if (fresh && freeze.has_value()) {
    Log(LogLevel::kWarning, "freezing on purpose",
        {{"slot", spec.slot()}, {"job", spec.job()}, {"seconds", absl::ToDoubleSeconds(*freeze)}});
    FreezeProcess(*freeze);
  }
  std::unique_lock lock(mutex_);
  while (!task.cancelled && SteadyNow() < until) {
    changed_.wait_for(lock, absl::ToChronoNanoseconds(until - SteadyNow()));
  }
  resources_.metrics.delay_seconds.Increment(absl::ToDoubleSeconds(SteadyNow() - begin));
  return task.cancelled ? Dropped() : absl::OkStatus();
}

absl::StatusOr<std::vector<ParameterCache::Pointer>> Session::Segments(InHand& task) {
  std::vector<ParameterCache::Pointer> segments;
  for (const v1::SegmentVersion& read : task.spec().reads()) {
    const size_t length =
        static_cast<size_t>(task.trial().workload->segments()[read.segment()].size);
    bool hit = false;
    const auto get = [&] {
      return resources_.parameters.Get(
          {task.run->serial, task.spec().trial(), read.segment(), read.version()},
          length * sizeof(float), [&] { return Fetch(task, read, length); }, hit);
    };
    auto segment = get();
    // Damage on the way is rare and its own: once more.
    if (absl::IsDataLoss(segment.status())) segment = get();
    (hit ? resources_.metrics.parameter_hits : resources_.metrics.parameter_misses).Increment();
    if (!segment.ok()) return segment.status();
    segments.push_back(*std::move(segment));
  }
  return segments;
}

absl::StatusOr<ParameterCache::Loaded> Session::Fetch(const InHand& task,
                                                      const v1::SegmentVersion& segment,
                                                      size_t length) {
  Call call(*this);
  v1::FetchParametersRequest request;
  request.set_run(task.waiting.key.run);
  request.set_trial(task.spec().trial());
  *request.mutable_segment() = segment;
  request.set_generation(task.generation);
  const auto reader = stub_->FetchParameters(&call.context, request);

  auto parameters = std::make_shared<struct Parameters>(length);
  FrameReader frames(length);
  absl::Status status;
  for (v1::Frame frame; status.ok() && reader->Read(&frame);) {
    const auto range = frames.Accept(frame);
    if (!range.ok()) {
      status = range.status();
    } else if (frames.header().length() != length) {
      status = absl::InvalidArgumentError(
          absl::StrCat("frame.header.length ", frames.header().length(), ", expected ", length));
    } else {
      frames.Decode(frame, parameters->span().subspan(range->offset, range->count));
      resources_.metrics.bytes_received.Increment(static_cast<double>(frame.payload().size()));
    }
  }
  if (!status.ok()) call.context.TryCancel();
  const grpc::Status finished = reader->Finish();
  if (status.ok() && finished.ok()) status = frames.Finish();
  if (!status.ok()) {
    return absl::DataLossError(
        absl::StrCat("parameters arrived damaged: ", std::string(status.message())));
  }
  if (finished.error_code() == grpc::StatusCode::NOT_FOUND ||
      finished.error_code() == grpc::StatusCode::FAILED_PRECONDITION) {
    return absl::NotFoundError(finished.error_message());
  }
  if (!finished.ok()) {
    return absl::UnavailableError(
        absl::StrCat("parameters cannot be fetched: ", finished.error_message()));
  }
  return ParameterCache::Loaded{std::move(parameters), length * sizeof(float)};
}

absl::Status Session::Compute(InHand& task, std::span<const ParameterCache::Pointer> segments,
                              std::span<float> sum) {
  ChunkExecutor::Segments values;
  for (const ParameterCache::Pointer& segment : segments) {
    values.push_back(std::as_const(*segment).span());
  }
  const absl::Time begin = SteadyNow();
  {
    const std::lock_guard lock(mutex_);
    task.compute_begin = begin;
  }
  const auto keep_going = [&](int64_t examples_done) {
    const std::lock_guard lock(mutex_);
    task.examples_done = examples_done;
    return !task.cancelled;
  };
  absl::Status status =
      resources_.executor.Compute(*task.run, task.spec(), values, keep_going, sum);
  if (!status.ok()) return status;

  task.compute_seconds = absl::ToDoubleSeconds(SteadyNow() - begin);
  resources_.metrics.compute_seconds.Observe(task.compute_seconds);
  const std::lock_guard lock(mutex_);
  task.computed = true;
  task.examples_done = task.examples_total;
  resources_.metrics.examples.Increment(static_cast<double>(task.examples_total));
  if (task.examples_total > 0) {
    const double pace = task.compute_seconds / static_cast<double>(task.examples_total);
    double& known = seconds_per_example_[PaceKey(task.waiting)];
    known = known == 0 ? pace : 0.7 * known + 0.3 * pace;
  }
  return task.cancelled ? Dropped() : absl::OkStatus();
}

absl::Status Session::Push(InHand& task, std::span<const float> sum) {
  Call call(*this);
  {
    const std::lock_guard lock(mutex_);
    task.push = &call.context;
    if (task.cancelled) return Dropped();
  }
  v1::PushReplyResponse response;
  const auto writer = stub_->PushReply(&call.context, &response);
  v1::VectorHeader header;
  header.set_run(task.waiting.key.run);
  header.set_task(task.waiting.key.task);
  header.set_generation(task.generation);
  header.set_trial(task.spec().trial());
  header.set_format(task.run->reply_format);
  header.set_compute_seconds(task.compute_seconds);
  header.set_examples(sum[sum.size() - kReplyScalars + kExamples]);
  FrameWriter frames(header, sum, task.run->frame_bytes);
  for (v1::Frame frame; frames.Next(frame);) {
    if (!writer->Write(frame)) break;
    resources_.metrics.bytes_sent.Increment(static_cast<double>(frame.payload().size()));
  }
  writer->WritesDone();
  const grpc::Status finished = writer->Finish();
  const std::lock_guard lock(mutex_);
  task.push = nullptr;
  if (finished.ok()) {
    (response.accepted() ? resources_.metrics.tasks_done : resources_.metrics.tasks_late)
        .Increment();
    return absl::OkStatus();
  }
  if (task.cancelled) return Dropped();
  return absl::UnavailableError(
      absl::StrCat("the reply cannot be sent: ", finished.error_message()));
}

void Session::Report(InHand& task, const absl::Status& status) {
  if (status.ok()) return;
  double seconds = 0;
  bool ending = false, cancelled = false, tell = false;
  {
    const std::lock_guard lock(mutex_);
    ending = ending_;
    cancelled = task.cancelled;
    tell = task.tell_dropped && !ending_;
    if (tell) seconds = Estimate(task);
  }
  // A stale version means that the coordinator has moved on.
  if (ending || cancelled || absl::IsNotFound(status)) {
    resources_.metrics.tasks_dropped.Increment();
    if (tell) TellDropped(task.waiting.key, seconds);
    return;
  }
  TellFailed(task.waiting.key, std::string(status.message()), absl::IsInvalidArgument(status));
}

absl::Duration Session::DelayLeft(const ServedRun& run, const WaitingTask& waiting) const {
  const v1::Task& task = waiting.task;
  const Invocation* known = invocations_.Find(waiting.key.run, task.invocation());
  if (known == nullptr || task.invocation() == 0) {
    return run.straggler.Delay(task.slot(), task.slot_invocation());
  }
  return std::max(absl::ZeroDuration(), *known->slow_until - SteadyNow());
}

double Session::EstimateWaiting(const WaitingTask& waiting) const {
  TaskProgress progress;
  progress.since_assigned = SteadyNow() - waiting.assigned;
  double pace = 0;
  const auto run = runs_.find(waiting.key.run);
  if (run != runs_.end() && ChunkExecutor::Check(*run->second, waiting.task).ok()) {
    progress.examples_total = ChunkExecutor::Positions(*run->second, waiting.task);
    progress.delay_left = DelayLeft(*run->second, waiting);
    const auto known = seconds_per_example_.find(PaceKey(waiting));
    if (known != seconds_per_example_.end()) pace = known->second;
  }
  return EstimateSeconds(progress, pace);
}

double Session::Estimate(const InHand& task) const {
  const absl::Time now = SteadyNow();
  TaskProgress progress;
  progress.since_assigned = now - task.waiting.assigned;
  if (task.run != nullptr && task.compute_begin == absl::InfinitePast()) {
    progress.delay_left = DelayLeft(*task.run, task.waiting);
  }
  if (task.compute_begin != absl::InfinitePast()) {
    progress.compute_spent = now - task.compute_begin;
  }
  progress.examples_done = task.examples_done;
  progress.examples_total = task.examples_total;
  progress.computed = task.computed;
  const auto known = seconds_per_example_.find(PaceKey(task.waiting));
  return EstimateSeconds(progress, known == seconds_per_example_.end() ? 0 : known->second);
}

}  // namespace gradloom
