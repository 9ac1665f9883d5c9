#include "worker/evaluator.h"

#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/ops/logging.h"

namespace gradloom {

Evaluator::Evaluator(WorkerResources& resources, Ports ports)
    : resources_(resources), ports_(std::move(ports)) {}

Evaluator::~Evaluator() {
  End();
  Join();
}

absl::Status Evaluator::Start() {
  try {
    thread_ = std::jthread([this] { Work(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no thread can be started for evaluations: ", error.what()));
  }
  return absl::OkStatus();
}

void Evaluator::SetGeneration(uint64_t generation) {
  const MutexLock lock(mutex_);
  generation_ = generation;
}

void Evaluator::SetBusy(bool busy) {
  const MutexLock lock(mutex_);
  if (busy_ == busy) return;
  busy_ = busy;
  changed_.NotifyAll();
}

void Evaluator::Add(const v1::Evaluate& task) {
  {
    const MutexLock lock(mutex_);
    if (ending_) return;
    if (waiting_.size() < kMaxWaiting) {
      waiting_.push_back(task);
      changed_.NotifyAll();
      return;
    }
  }
  Tell(task, absl::ResourceExhaustedError(
                 absl::StrCat("the worker has ", kMaxWaiting, " evaluations waiting")));
}

void Evaluator::EndRun(uint64_t run) {
  const MutexLock lock(mutex_);
  std::erase_if(waiting_, [run](const v1::Evaluate& task) { return task.run() == run; });
  if (under_way_ == run) under_way_ = 0;
  if (view_.run == run) view_ = {};
  changed_.NotifyAll();
}

void Evaluator::End() {
  const MutexLock lock(mutex_);
  ending_ = true;
  waiting_.clear();
  under_way_ = 0;
  view_ = {};
  changed_.NotifyAll();
}

void Evaluator::Join() {
  if (thread_.joinable()) thread_.join();
}

// ---- the thread ---------------------------------------------------------------------------------

void Evaluator::Work() {
  while (const std::optional<v1::Evaluate> task = TakeNext()) {
    const absl::StatusOr<EvaluationResult> result = ComputeOrFail(*task);
    {
      const MutexLock lock(mutex_);
      if (std::exchange(under_way_, 0) == 0) continue;  // nobody wants to know
    }
    Tell(*task, result);
  }
}

std::optional<v1::Evaluate> Evaluator::TakeNext() {
  const MutexLock lock(mutex_);
  while (!ending_ && (waiting_.empty() || busy_)) changed_.Wait(mutex_);
  if (ending_) return std::nullopt;
  v1::Evaluate task = std::move(waiting_.front());
  waiting_.pop_front();
  under_way_ = task.run();
  return task;
}

bool Evaluator::MayGoOn() {
  const MutexLock lock(mutex_);
  while (under_way_ != 0 && busy_) changed_.Wait(mutex_);
  return under_way_ != 0;
}

absl::StatusOr<EvaluationResult> Evaluator::ComputeOrFail(const v1::Evaluate& task) {
  try {
    return Compute(task);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("this worker has no memory left for the evaluation");
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("unexpected at this worker: ", error.what()));
  }
}

absl::StatusOr<EvaluationResult> Evaluator::Compute(const v1::Evaluate& task) {
  const std::shared_ptr<const ServedRun> run = ports_.find_run(task.run());
  if (run == nullptr) {
    return absl::UnavailableError(absl::StrCat("run ", task.run(), " is not open at this worker"));
  }
  if (absl::Status status = ChunkExecutor::Check(*run, task); !status.ok()) return status;
  const absl::StatusOr<Segments> segments = Fetch(*run, task);
  if (!segments.ok()) return segments.status();
  ChunkExecutor::Segments values;
  for (const ParameterCache::Pointer& segment : *segments) {
    values.push_back(std::as_const(*segment).span());
  }
  return resources_.executor.Evaluate(*run, task, values, [this] { return MayGoOn(); });
}

absl::StatusOr<Evaluator::Segments> Evaluator::Fetch(const ServedRun& run,
                                                     const v1::Evaluate& task) {
  View view{task.run(), task.trial(), {task.versions().begin(), task.versions().end()}, {}};
  {
    const MutexLock lock(mutex_);
    if (view_.run == view.run && view_.trial == view.trial && view_.versions == view.versions) {
      return view_.segments;
    }
    view_ = {};  // before another one takes its memory
  }
  for (int segment = 0; segment < task.versions_size(); ++segment) {
    auto fetched = FetchSegment(run, task, segment);
    // Damage on the way is rare and its own: once more.
    if (absl::IsDataLoss(fetched.status())) fetched = FetchSegment(run, task, segment);
    if (!fetched.ok()) return absl::UnavailableError(fetched.status().message());
    view.segments.push_back(*std::move(fetched));
  }
  const MutexLock lock(mutex_);
  if (under_way_ != 0) view_ = view;
  return view.segments;
}

absl::StatusOr<ParameterCache::Pointer> Evaluator::FetchSegment(const ServedRun& run,
                                                                const v1::Evaluate& task,
                                                                int segment) {
  const auto number = static_cast<uint32_t>(segment);
  const auto length =
      static_cast<size_t>(run.trials[task.trial()].workload->segments()[segment].size);
  v1::FetchParametersRequest request;
  request.set_run(task.run());
  request.set_trial(task.trial());
  request.mutable_segment()->set_segment(number);
  request.mutable_segment()->set_version(task.versions(segment));
  request.set_exact(true);
  {
    const MutexLock lock(mutex_);
    request.set_generation(generation_);
  }
  const auto load = [&] { return ports_.source->Fetch(request, length); };
  if (!run.exact_parameters) {
    // What tasks read is rounded: others than these.
    auto fetched = load();
    if (!fetched.ok()) return fetched.status();
    return ParameterCache::Pointer(*std::move(fetched));
  }
  bool hit = false;
  return resources_.parameters.Get({run.serial, task.trial(), number}, task.versions(segment),
                                   length, load, hit);
}

void Evaluator::Tell(const v1::Evaluate& task, const absl::StatusOr<EvaluationResult>& result) {
  v1::FromWorker message;
  v1::Evaluated& evaluated = *message.mutable_evaluated();
  evaluated.set_run(task.run());
  evaluated.set_id(task.id());
  if (!result.ok()) {
    evaluated.set_error(std::string(result.status().message()));
    evaluated.set_unable(absl::IsFailedPrecondition(result.status()));
    Log(LogLevel::kError, "evaluation failed",
        {{"run", task.run()}, {"trial", task.trial()}, {"error", evaluated.error()}});
  } else if (const auto* sums = std::get_if<EvaluationSums>(&*result)) {
    v1::EvaluationSums& told = *evaluated.mutable_sums();
    told.set_loss(sums->loss);
    told.set_correct(sums->correct);
    told.set_examples(static_cast<uint64_t>(sums->examples));
    told.set_target_mean(sums->target_mean);
    told.set_target_spread(sums->target_spread);
  } else {
    const auto& whole = std::get<Evaluation>(*result);
    v1::WholeEvaluation& told = *evaluated.mutable_whole();
    told.set_loss(whole.loss);
    told.set_accuracy(whole.accuracy);
    told.set_examples(static_cast<uint64_t>(whole.examples));
    if (whole.validation.has_value()) told.set_validation(*whole.validation);
  }
  ports_.tell(message);
}

}  // namespace gradloom
