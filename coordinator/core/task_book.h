// The tasks of a run: what is outstanding of every slot, at whom, and what was dropped whose worker
// has yet to say what it would have cost. An id is an assignment: whoever gets a task anew, after a
// failure or a move, gets it under a new id, and ids go on from life to life of a run, so that
// whatever is stale names itself. Pure; not thread-safe.
#ifndef GRADLOOM_COORDINATOR_CORE_TASK_BOOK_H_
#define GRADLOOM_COORDINATOR_CORE_TASK_BOOK_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "coding/scheme.h"
#include "coordinator/core/events.h"
#include "coordinator/core/invocation.h"

namespace gradloom {

struct Task {
  MiniTask mini;  // slot of the scheme
  int weave = 0;
  int lane = 0;
  int64_t lane_job = 0;
  int64_t round = 0;
  int slot = 0;  // of the fleet
  int attempt = 0;
  Invocation invocation;
  WorkerId worker = 0;  // 0: waits for the slot to get a holder
  absl::Time assigned = absl::InfinitePast();
};

// Tasks that are no longer wanted, by the worker that has them (0: none), in the order of first
// mention.
class Drops {
 public:
  void Add(WorkerId worker, TaskId task);
  // Appends DropTasks actions.
  void Send(std::vector<Action>* actions) &&;

 private:
  std::vector<DropTasks> drops_;
  absl::flat_hash_map<WorkerId, size_t> of_worker_;  // indices into drops_
};

class TaskBook {
 public:
  // `life`: how often the run has been begun. Ids of different lives differ.
  // `invocations_before`: of each slot, in earlier lives.
  TaskBook(int slots, uint64_t life, uint32_t invocations_before);

  // Null when it is not outstanding.
  Task* Find(TaskId id);
  // Of a slot, in the order of being added.
  const std::vector<TaskId>& Outstanding(int slot) const { return outstanding_[slot]; }
  TaskId Add(const Task& task);
  void Remove(TaskId id);
  // Gives the slot's tasks new ids: they begin anew, `again` as a further attempt. The old ones
  // are dropped.
  void Renew(int slot, bool again, Drops* drops);
  // Their worker is lost; they wait.
  void Orphan(int slot);
  // Forgets those of the slot that `drop` says; what their workers would have needed is still to be
  // told.
  void DropIf(int slot, absl::FunctionRef<bool(TaskId, const Task&)> drop, Drops* drops);
  void DropAll(Drops* drops);
  // Of the task's slot: a fresh one, but for its number among the slot's where the task was part of
  // one before.
  Invocation NextInvocation(const Task& task);

  // A task that was dropped while its worker had it.
  struct Dropped {
    int weave = 0;
    int64_t round = 0;
  };
  // Nothing when it is not known, or was told.
  std::optional<Dropped> TakeDropped(TaskId id);

 private:
  static Task Unassigned(Task task);

  absl::flat_hash_map<TaskId, Task> tasks_;
  std::vector<std::vector<TaskId>> outstanding_;  // by fleet slot, in order
  absl::flat_hash_map<TaskId, Dropped> dropped_;
  std::deque<TaskId> dropped_order_;
  TaskId next_task_;
  uint64_t next_invocation_;
  std::vector<uint32_t> slot_invocations_;  // that each slot was asked for
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CORE_TASK_BOOK_H_
