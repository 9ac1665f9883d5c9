#include "coordinator/core/task_book.h"

#include <algorithm>
#include <utility>

namespace gradloom {
namespace {

// Dropped tasks whose worker has not yet said what they would have cost; older ones are forgotten.
constexpr size_t kDroppedMax = 1 << 16;
// Tasks of a life: at a million a second they last for a week and a half.
constexpr int kLifeBits = 40;

}  // namespace

void Drops::Add(WorkerId worker, TaskId task) {
  const auto [found, fresh] = of_worker_.try_emplace(worker, drops_.size());
  if (fresh) drops_.push_back({worker, {}});
  drops_[found->second].tasks.push_back(task);
}

void Drops::Send(std::vector<Action>* actions) && {
  for (DropTasks& drop : drops_) actions->push_back(std::move(drop));
}

TaskBook::TaskBook(int slots, uint64_t life, uint64_t invocations_before)
    : outstanding_(slots),
      next_task_((life << kLifeBits) + 1),
      next_invocation_((life << kLifeBits) + 1),
      slot_invocations_(slots, invocations_before) {}

Invocation TaskBook::NextInvocation(const Task& task) {
  const std::optional<uint64_t>& before = task.invocation.of_slot;
  return {next_invocation_++, before.has_value() ? *before : slot_invocations_[task.slot]++};
}

Task* TaskBook::Find(TaskId id) {
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? nullptr : &found->second;
}

TaskId TaskBook::Add(const Task& task) {
  const TaskId id = next_task_++;
  outstanding_[task.slot].push_back(id);
  tasks_.emplace(id, task);
  return id;
}

void TaskBook::Remove(TaskId id) {
  const auto found = tasks_.find(id);
  std::vector<TaskId>& list = outstanding_[found->second.slot];
  list.erase(std::find(list.begin(), list.end(), id));
  tasks_.erase(found);
}

Task TaskBook::Unassigned(Task task) {
  task.worker = 0;
  task.invocation.number = 0;
  return task;
}

void TaskBook::Renew(int slot, bool again, Drops* drops) {
  for (TaskId id : std::exchange(outstanding_[slot], {})) {
    Task task = tasks_.at(id);
    drops->Add(task.worker, id);
    tasks_.erase(id);
    if (again) ++task.attempt;
    Add(Unassigned(task));
  }
}

void TaskBook::Orphan(int slot) {
  for (TaskId id : outstanding_[slot]) {
    Task& task = tasks_.at(id);
    task = Unassigned(task);
    ++task.attempt;
  }
}

void TaskBook::DropIf(int slot, absl::FunctionRef<bool(TaskId, const Task&)> drop, Drops* drops) {
  std::vector<TaskId>& list = outstanding_[slot];
  size_t kept = 0;
  for (const TaskId id : list) {
    const auto found = tasks_.find(id);
    const Task& task = found->second;
    if (!drop(id, task)) {
      list[kept++] = id;
      continue;
    }
    drops->Add(task.worker, id);
    if (task.worker != 0) {
      dropped_.emplace(id, Dropped{task.weave, task.round});
      dropped_order_.push_back(id);
      if (dropped_order_.size() > kDroppedMax) {
        dropped_.erase(dropped_order_.front());
        dropped_order_.pop_front();
      }
    }
    tasks_.erase(found);
  }
  list.resize(kept);
}

void TaskBook::DropAll(Drops* drops) {
  for (int slot = 0; slot < static_cast<int>(outstanding_.size()); ++slot) {
    DropIf(
        slot, [](TaskId, const Task&) { return true; }, drops);
  }
}

std::optional<TaskBook::Dropped> TaskBook::TakeDropped(TaskId id) {
  const auto found = dropped_.find(id);
  if (found == dropped_.end()) return std::nullopt;
  const Dropped dropped = found->second;
  dropped_.erase(found);
  return dropped;
}

}  // namespace gradloom
