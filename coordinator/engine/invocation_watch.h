// What each invocation of a slot took: from its assignment until its last reply, or until the rest
// was dropped. Pure; not thread-safe.
#ifndef GRADLOOM_COORDINATOR_ENGINE_INVOCATION_WATCH_H_
#define GRADLOOM_COORDINATOR_ENGINE_INVOCATION_WATCH_H_

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "coordinator/core/events.h"
#include "coordinator/core/invocation.h"

namespace gradloom {

class InvocationWatch {
 public:
  // load(task): the fraction of a job's data that it computes.
  void Assigned(absl::Time now, const AssignTasks& action,
                absl::FunctionRef<double(const AssignedTask& task)> load);
  void Replied(absl::Time now, const ReplyReceived& reply) { Close(now, reply.task, &reply); }
  void Dropped(absl::Time now, TaskId task) { Close(now, task, nullptr); }
  void Failed(absl::Time now, TaskId task) { Close(now, task, nullptr); }
  // The invocations that have ended: of their tasks none is open. To be called when all that
  // happened at one moment has been told, since a dropped task may be replaced.
  std::vector<InvocationObserved> TakeEnded(absl::Time now);
  // Of every slot the latest kKept that have ended, slot by slot, oldest first.
  std::vector<InvocationObserved> Latest() const;
  static constexpr size_t kKept = 64;

 private:
  struct Task {
    uint64_t invocation = 0;
    double load = 0;
  };
  struct Invocation {
    InvocationObserved observed;
    absl::Time assigned;
    int open = 0;
    double last_load = 0;  // of the task that was closed last
  };
  // `reply`: null when it was dropped.
  void Close(absl::Time now, TaskId task, const ReplyReceived* reply);

  absl::flat_hash_map<TaskId, Task> tasks_;
  absl::flat_hash_map<uint64_t, Invocation> invocations_;
  std::vector<uint64_t> closed_;                          // invocations of which a task was closed
  std::map<int, std::deque<InvocationObserved>> latest_;  // by slot
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_INVOCATION_WATCH_H_
