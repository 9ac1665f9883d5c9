// Who may send what into which sum. The run's loop says which tasks are wanted, of whom, and which
// job of a lane is being summed; the streams of replies come here to be let in. A reply is taken
// only from the very connection that the task was assigned to: what an earlier connection, or an
// earlier life of the run, still sends is stale.
//
// A sum's memory belongs to a job in flight: when the job is settled it serves the next one, of
// whatever lane.
//
// Thread-safe.
#ifndef GRADLOOM_COORDINATOR_ENGINE_REPLY_BOOK_H_
#define GRADLOOM_COORDINATOR_ENGINE_REPLY_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/core/events.h"
#include "coordinator/data_plane/job_sum.h"
#include "proto/ops/mutex.h"

namespace gradloom {

class ReplyBook {
 public:
  // frame_values: of every frame of a reply but the last.
  ReplyBook(int lanes, size_t frame_values);

  // ---- the loop's

  // What a lane sums from now on. Nothing changes if it is that already; otherwise what was wanted
  // of the lane is wanted no more, and its sum begins anew.
  struct LaneJob {
    int weave = -1;  // whose scheme cuts the job into parts
    int64_t job = -1;
    size_t length = 0;  // of a reply
    int parts = 0;
    bool unit_weights = true;
  };
  void Begin(int lane, const LaneJob& job);
  // Whether Begin was called for this one.
  bool Sums(int lane, int weave, int64_t job) const;

  struct Wanted {
    int lane = 0;
    int part = 0;
    WorkerId worker = 0;
    // Bounds of the examples that the reply must count, weighted as the task's terms are.
    double examples_min = 0;
    double examples_max = 0;
  };
  void Want(TaskId task, const Wanted& wanted);
  void Unwant(TaskId task);
  // Of the job that the lane sums.
  std::shared_ptr<JobSum> Sum(int lane) const;
  // The lane's job is settled: nothing is wanted of it, and its sum is free for another's.
  void Settle(int lane);
  // Nothing is wanted any more.
  void Close();

  // ---- the streams'

  struct Entry {
    std::shared_ptr<JobSum> sum;
    uint64_t epoch = 0;  // of the sum
    TaskId task = 0;
    Wanted wanted;
  };
  // NotFound when the task is not (or no longer) wanted, which is fine; PermissionDenied when it is
  // another worker's; InvalidArgument when the reply does not count the task's examples.
  absl::StatusOr<Entry> Enter(TaskId task, WorkerId worker, double examples) const;

  size_t frame_values() const { return frame_values_; }
  // Sums that exist, for tests of memory.
  size_t sums() const;

 private:
  struct Lane {
    LaneJob job;
    std::shared_ptr<JobSum> sum;
  };
  struct Idle {
    LaneJob shape;
    std::shared_ptr<JobSum> sum;
  };
  std::shared_ptr<JobSum> TakeSum(const LaneJob& shape) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t frame_values_;
  mutable Mutex mutex_;
  absl::flat_hash_map<TaskId, Wanted> wanted_ ABSL_GUARDED_BY(mutex_);
  std::vector<Lane> lanes_ ABSL_GUARDED_BY(mutex_);
  std::vector<Idle> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_REPLY_BOOK_H_
