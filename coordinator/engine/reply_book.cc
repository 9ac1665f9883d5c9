#include "coordinator/engine/reply_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gradloom {

ReplyBook::ReplyBook(int lanes, size_t frame_values) : frame_values_(frame_values), lanes_(lanes) {}

bool ReplyBook::Sums(int lane, int weave, int64_t job) const {
  const MutexLock lock(mutex_);
  const Lane& at = lanes_[lane];
  return at.sum != nullptr && at.job.weave == weave && at.job.job == job;
}

void ReplyBook::Begin(int lane, const LaneJob& job) {
  const MutexLock lock(mutex_);
  Lane& at = lanes_[lane];
  if (at.sum != nullptr && at.job.weave == job.weave && at.job.job == job.job) return;
  absl::erase_if(wanted_, [lane](const auto& entry) { return entry.second.lane == lane; });
  if (at.sum != nullptr) idle_.push_back({at.job, std::move(at.sum)});
  at.job = job;
  at.sum = TakeSum(job);
}

std::shared_ptr<JobSum> ReplyBook::TakeSum(const LaneJob& shape) {
  const auto fits = [&shape](const Idle& idle) {
    return idle.shape.length == shape.length && idle.shape.parts == shape.parts &&
           idle.shape.unit_weights == shape.unit_weights;
  };
  const auto found = std::find_if(idle_.begin(), idle_.end(), fits);
  if (found == idle_.end()) {
    // Nobody needs what is idle in another shape: the weaves, or the lanes' turns, have changed.
    idle_.clear();
    return std::make_shared<JobSum>(shape.length, frame_values_, shape.parts, shape.unit_weights);
  }
  std::shared_ptr<JobSum> sum = std::move(found->sum);
  idle_.erase(found);
  sum->Clear();
  return sum;
}

void ReplyBook::Want(TaskId task, const Wanted& wanted) {
  const MutexLock lock(mutex_);
  wanted_[task] = wanted;
}

void ReplyBook::Unwant(TaskId task) {
  const MutexLock lock(mutex_);
  wanted_.erase(task);
}

std::shared_ptr<JobSum> ReplyBook::Sum(int lane) const {
  const MutexLock lock(mutex_);
  return lanes_[lane].sum;
}

void ReplyBook::Settle(int lane) {
  const MutexLock lock(mutex_);
  Lane& at = lanes_[lane];
  if (at.sum == nullptr) return;
  absl::erase_if(wanted_, [lane](const auto& entry) { return entry.second.lane == lane; });
  idle_.push_back({at.job, std::exchange(at.sum, nullptr)});
}

void ReplyBook::Close() {
  const MutexLock lock(mutex_);
  wanted_.clear();
}

absl::StatusOr<ReplyBook::Entry> ReplyBook::Enter(TaskId task, WorkerId worker,
                                                  double examples) const {
  const MutexLock lock(mutex_);
  const auto found = wanted_.find(task);
  if (found == wanted_.end()) {
    return absl::NotFoundError(absl::StrCat("task ", task, " is no longer wanted"));
  }
  const Wanted& wanted = found->second;
  if (wanted.worker != worker) {
    return absl::PermissionDeniedError(absl::StrCat("task ", task, " is connection ", wanted.worker,
                                                    "'s, not connection ", worker, "'s"));
  }
  if (!(examples >= wanted.examples_min && examples <= wanted.examples_max)) {  // NaN, too
    const std::string legal = wanted.examples_min == wanted.examples_max
                                  ? absl::StrCat(wanted.examples_max)
                                  : absl::StrCat(wanted.examples_min, " to ", wanted.examples_max);
    return absl::InvalidArgumentError(absl::StrCat("task ", task, ": the reply counts ", examples,
                                                   " examples, the task has ", legal));
  }
  const std::shared_ptr<JobSum>& sum = lanes_[wanted.lane].sum;
  return Entry{sum, sum->epoch(), task, wanted};
}

size_t ReplyBook::sums() const {
  const MutexLock lock(mutex_);
  return idle_.size() +
         static_cast<size_t>(std::count_if(lanes_.begin(), lanes_.end(),
                                           [](const Lane& lane) { return lane.sum != nullptr; }));
}

}  // namespace gradloom
