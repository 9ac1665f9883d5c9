#include "coordinator/engine/invocation_watch.h"

#include <utility>

namespace gradloom {

void InvocationWatch::Assigned(absl::Time now, const AssignTasks& action,
                               absl::FunctionRef<double(const AssignedTask& task)> load) {
  for (const AssignedTask& task : action.tasks) {
    Close(now, task.id, nullptr);  // its worker was lost: it begins anew
    const auto [found, fresh] = invocations_.try_emplace(task.invocation);
    Invocation& invocation = found->second;
    if (fresh) {
      invocation.observed.slot = task.slot;
      invocation.assigned = now;
    }
    ++invocation.open;
    tasks_[task.id] = {task.invocation, load(task)};
  }
}

void InvocationWatch::Close(absl::Time now, TaskId id, const ReplyReceived* reply) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return;
  const Task task = found->second;
  tasks_.erase(found);
  Invocation& invocation = invocations_.at(task.invocation);
  if (reply != nullptr) {
    invocation.observed.Reply(task.load, reply->compute_seconds,
                              absl::ToDoubleSeconds(now - invocation.assigned));
  }
  invocation.last_load = task.load;
  --invocation.open;
  closed_.push_back(task.invocation);
}

std::vector<InvocationObserved> InvocationWatch::TakeEnded(absl::Time now) {
  std::vector<InvocationObserved> ended;
  for (const uint64_t number : std::exchange(closed_, {})) {
    const auto found = invocations_.find(number);
    if (found == invocations_.end() || found->second.open > 0) continue;
    Invocation& invocation = found->second;
    invocation.observed.End(invocation.last_load, absl::ToDoubleSeconds(now - invocation.assigned));
    if (!(invocation.observed.seconds > 0)) {  // assigned and dropped at one moment
      invocations_.erase(found);
      continue;
    }
    ended.push_back(invocation.observed);
    std::deque<InvocationObserved>& latest = latest_[invocation.observed.slot];
    latest.push_back(invocation.observed);
    if (latest.size() > kKept) latest.pop_front();
    invocations_.erase(found);
  }
  return ended;
}

std::vector<InvocationObserved> InvocationWatch::Latest() const {
  std::vector<InvocationObserved> all;
  for (const auto& [slot, latest] : latest_) all.insert(all.end(), latest.begin(), latest.end());
  return all;
}

}  // namespace gradloom
