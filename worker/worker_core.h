// What a worker does next, as a pure state machine: no thread, no clock, no I/O. It holds the tasks
// of one connection from assignment to the end and decides which is prepared (parameters fetched),
// computed and sent. Tasks are started in the order they were assigned.
//
// At most `capacity` tasks are computed at a time; as many again may be prepared or sent meanwhile,
// so the network and the processor work side by side. A large task's reply is so big that two of
// them may not fit: it starts computing only while fewer than `capacity` replies exist.
//
// Thread-compatible.
#ifndef GRADLOOM_WORKER_WORKER_CORE_H_
#define GRADLOOM_WORKER_WORKER_CORE_H_

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "absl/time/time.h"
#include "gradloom/v1/worker.pb.h"
#include "worker/latest_invocations.h"

namespace gradloom {

struct TaskKey {
  uint64_t run = 0;
  uint64_t task = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): the check misreads the defaulted comparison
  friend auto operator<=>(const TaskKey&, const TaskKey&) = default;
};

struct WaitingTask {
  TaskKey key;
  v1::Task task;
  absl::Time assigned;  // its invocation: the first task of it
};

class WorkerCore {
 public:
  // Longer queues are refused: the coordinator is out of its mind.
  static constexpr size_t kMaxWaiting = 100'000;

  // capacity >= 1.
  explicit WorkerCore(int capacity) : capacity_(capacity) {}

  struct Assigned {
    int duplicates = 0;             // known already: ignored
    std::vector<TaskKey> rejected;  // beyond kMaxWaiting
  };
  Assigned Assign(const v1::Assign& assign, absl::Time now);

  // Takes the first waiting task into hand, when one may be started.
  std::optional<WaitingTask> Start();
  // Whether this task may start computing: it is the first of those in hand that have not, and
  // there is capacity. If so it counts as computing from now on.
  bool TryCompute(TaskKey key, bool large);
  // Computing is over; the reply is being sent.
  void Computed(TaskKey key);
  // The task is over: sent, failed or dropped.
  void Finish(TaskKey key);

  // What has to stop: waiting tasks are forgotten, those in hand must be stopped by the caller and
  // then be finished.
  struct Stopped {
    std::vector<WaitingTask> waiting;
    std::vector<TaskKey> in_hand;
  };
  Stopped Drop(const v1::Drop& drop);
  Stopped EndRun(uint64_t run);
  Stopped EndAll();

  const std::deque<WaitingTask>& waiting() const { return waiting_; }
  size_t in_hand() const { return in_hand_.size(); }
  int computing() const { return computing_; }

 private:
  enum class Phase { kPreparing, kComputing, kSending };
  template <typename Predicate>
  Stopped StopIf(Predicate wanted);
  void Remember(TaskKey key);

  int capacity_;
  std::deque<WaitingTask> waiting_;
  struct InHand {
    Phase phase = Phase::kPreparing;
    uint64_t order = 0;
  };
  std::map<TaskKey, InHand> in_hand_;
  uint64_t started_ = 0;
  int computing_ = 0;
  int sending_ = 0;
  LatestInvocations<std::optional<absl::Time>> invocations_;  // when they began
  // Waiting, in hand, and the latest finished ones: an assignment that comes twice is done once.
  std::set<TaskKey> known_;
  std::deque<TaskKey> finished_;
};

// How far a task is, and what it would have taken.
struct TaskProgress {
  absl::Duration since_assigned;
  absl::Duration delay_left;     // of a delay on purpose
  absl::Duration compute_spent;  // on examples_done
  int64_t examples_done = 0;
  int64_t examples_total = 0;
  bool computed = false;
};
// Seconds from assignment to the end of computing, extrapolated: by this task's own pace once it
// has one, else by `seconds_per_example` of earlier tasks (0: unknown).
double EstimateSeconds(const TaskProgress& progress, double seconds_per_example);

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_WORKER_CORE_H_
