// What each invocation of a slot took: all that one assignment asks of the slot, from then until
// its last reply, or until the rest was dropped. Pure; not thread-safe.
#ifndef GRADLOOM_COORDINATOR_ENGINE_INVOCATION_WATCH_H_
#define GRADLOOM_COORDINATOR_ENGINE_INVOCATION_WATCH_H_

#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "coordinator/core/events.h"
#include "coordinator/tuning/fleet_recorder.h"

namespace gradloom {

class InvocationWatch {
 public:
  // load(task): the fraction of a job's data that it computes.
  void Assigned(absl::Time now, const AssignTasks& action,
                absl::FunctionRef<double(const AssignedTask& task)> load);
  // The invocation that this reply, or drop, completes, if it does.
  std::optional<InvocationObserved> Replied(absl::Time now, TaskId task);
  std::optional<InvocationObserved> Dropped(absl::Time now, TaskId task);

 private:
  struct Invocation {
    int slot = 0;
    double load = 0;
    absl::Time assigned;
    int open = 0;
    bool cut = false;
  };
  std::optional<InvocationObserved> Close(absl::Time now, TaskId task, bool cut);

  absl::flat_hash_map<TaskId, uint64_t> invocation_of_;
  absl::flat_hash_map<uint64_t, Invocation> invocations_;
  uint64_t next_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_INVOCATION_WATCH_H_
