#include "coordinator/engine/invocation_watch.h"

#include <map>

namespace gradloom {

void InvocationWatch::Assigned(absl::Time now, const AssignTasks& action,
                               absl::FunctionRef<double(const AssignedTask& task)> load) {
  std::map<int, uint64_t> of_slot;
  for (const AssignedTask& task : action.tasks) {
    const auto [found, fresh] = of_slot.try_emplace(task.slot, next_);
    if (fresh) invocations_[next_++] = {task.slot, 0, now, 0, false};
    Invocation& invocation = invocations_[found->second];
    invocation.load += load(task);
    ++invocation.open;
    invocation_of_[task.id] = found->second;
  }
}

std::optional<InvocationObserved> InvocationWatch::Replied(absl::Time now, TaskId task) {
  return Close(now, task, false);
}

std::optional<InvocationObserved> InvocationWatch::Dropped(absl::Time now, TaskId task) {
  return Close(now, task, true);
}

std::optional<InvocationObserved> InvocationWatch::Close(absl::Time now, TaskId task, bool cut) {
  const auto found = invocation_of_.find(task);
  if (found == invocation_of_.end()) return std::nullopt;
  const auto at = invocations_.find(found->second);
  invocation_of_.erase(found);
  Invocation& invocation = at->second;
  invocation.cut = invocation.cut || cut;
  if (--invocation.open > 0) return std::nullopt;
  const InvocationObserved observed{invocation.slot, invocation.load,
                                    absl::ToDoubleSeconds(now - invocation.assigned),
                                    invocation.cut};
  invocations_.erase(at);
  return observed;
}

}  // namespace gradloom
