#include "worker/worker_core.h"

#include <algorithm>
#include <utility>

namespace gradloom {
namespace {

constexpr size_t kRemembered = 4096;  // finished tasks

}  // namespace

WorkerCore::Assigned WorkerCore::Assign(const v1::Assign& assign, absl::Time now) {
  Assigned result;
  for (const v1::Task& task : assign.tasks()) {
    const TaskKey key{assign.run(), task.id()};
    if (known_.contains(key)) {
      ++result.duplicates;
    } else if (waiting_.size() >= kMaxWaiting) {
      result.rejected.push_back(key);
    } else {
      known_.insert(key);
      // 0: the coordinator does not tell.
      absl::Time assigned = now;
      if (task.invocation() > 0) {
        std::optional<absl::Time>& began = invocations_.Of(key.run, task.invocation());
        if (!began.has_value()) began = now;
        assigned = *began;
      }
      waiting_.push_back({key, task, assigned});
    }
  }
  return result;
}

std::optional<WaitingTask> WorkerCore::Start() {
  if (waiting_.empty() || in_hand_.size() >= 2 * static_cast<size_t>(capacity_)) {
    return std::nullopt;
  }
  WaitingTask task = std::move(waiting_.front());
  waiting_.pop_front();
  in_hand_[task.key] = {Phase::kPreparing, started_++};
  return task;
}

bool WorkerCore::TryCompute(TaskKey key, bool large) {
  const auto found = in_hand_.find(key);
  if (found == in_hand_.end() || found->second.phase != Phase::kPreparing) return false;
  if (computing_ >= capacity_ || (large && computing_ + sending_ >= capacity_)) return false;
  const bool earlier = std::any_of(in_hand_.begin(), in_hand_.end(), [&](const auto& other) {
    return other.second.phase == Phase::kPreparing && other.second.order < found->second.order;
  });
  if (earlier) return false;
  found->second.phase = Phase::kComputing;
  ++computing_;
  return true;
}

void WorkerCore::Computed(TaskKey key) {
  const auto found = in_hand_.find(key);
  if (found == in_hand_.end() || found->second.phase != Phase::kComputing) return;
  found->second.phase = Phase::kSending;
  --computing_;
  ++sending_;
}

void WorkerCore::Finish(TaskKey key) {
  const auto found = in_hand_.find(key);
  if (found == in_hand_.end()) return;
  if (found->second.phase == Phase::kComputing) --computing_;
  if (found->second.phase == Phase::kSending) --sending_;
  in_hand_.erase(found);
  Remember(key);
}

void WorkerCore::Remember(TaskKey key) {
  finished_.push_back(key);
  if (finished_.size() > kRemembered) {
    known_.erase(finished_.front());
    finished_.pop_front();
  }
}

template <typename Predicate>
WorkerCore::Stopped WorkerCore::StopIf(Predicate wanted) {
  Stopped stopped;
  std::deque<WaitingTask> kept;
  for (WaitingTask& task : waiting_) {
    if (wanted(task.key)) {
      Remember(task.key);
      stopped.waiting.push_back(std::move(task));
    } else {
      kept.push_back(std::move(task));
    }
  }
  waiting_ = std::move(kept);
  for (const auto& [key, state] : in_hand_) {
    if (wanted(key)) stopped.in_hand.push_back(key);
  }
  return stopped;
}

WorkerCore::Stopped WorkerCore::Drop(const v1::Drop& drop) {
  const std::set<uint64_t> tasks(drop.tasks().begin(), drop.tasks().end());
  return StopIf([&](TaskKey key) { return key.run == drop.run() && tasks.contains(key.task); });
}

WorkerCore::Stopped WorkerCore::EndRun(uint64_t run) {
  invocations_.EndRun(run);
  return StopIf([&](TaskKey key) { return key.run == run; });
}

WorkerCore::Stopped WorkerCore::EndAll() {
  return StopIf([](TaskKey) { return true; });
}

double EstimateSeconds(const TaskProgress& progress, double seconds_per_example) {
  double seconds = absl::ToDoubleSeconds(progress.since_assigned);
  if (progress.computed) return seconds;
  const int64_t left = std::max<int64_t>(0, progress.examples_total - progress.examples_done);
  const double pace = progress.examples_done > 0 ? absl::ToDoubleSeconds(progress.compute_spent) /
                                                       static_cast<double>(progress.examples_done)
                                                 : seconds_per_example;
  return seconds + absl::ToDoubleSeconds(progress.delay_left) + static_cast<double>(left) * pace;
}

}  // namespace gradloom
