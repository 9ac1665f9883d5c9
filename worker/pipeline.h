// Carries the tasks of one connection from their assignment to their replies, on 2 x capacity
// threads: fetch parameters, wait for the turn, straggle on purpose, compute, send. So the
// transfers of one task overlap with the computing of another. Whatever becomes of a task, its
// reply, a TaskFailed or a TaskDropped says so; only the connection's end is silent. Thread-safe.
#ifndef GRADLOOM_WORKER_PIPELINE_H_
#define GRADLOOM_WORKER_PIPELINE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gradloom/v1/worker.pb.h"
#include "proto/ops/mutex.h"
#include "worker/delay_book.h"
#include "worker/pace_book.h"
#include "worker/resources.h"
#include "worker/served_run.h"
#include "worker/transfers.h"
#include "worker/worker_core.h"

namespace gradloom {

class Pipeline {
 public:
  // What is beyond the pipeline. All outlive it and are thread-safe.
  struct Ports {
    std::function<std::shared_ptr<const ServedRun>(uint64_t run)> find_run;  // null: not open
    ParameterSource* source = nullptr;
    ReplySink* sink = nullptr;
    std::function<void(const v1::FromWorker&)> tell;
    // Whether any task waits or is in hand. Under the pipeline's lock: must not block.
    std::function<void(bool busy)> busy = [](bool) {};
  };

  Pipeline(WorkerResources& resources, Ports ports);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // ResourceExhausted: the system has no more threads.
  absl::Status Start();
  // What fetches and replies are marked with from now on.
  void SetGeneration(uint64_t generation);
  void Assign(const v1::Assign& assign);
  void Drop(const v1::Drop& drop);
  void EndRun(uint64_t run);
  // Forgets all tasks, for good. Soon nothing is computed any more.
  void End();
  // Waits for the threads, after End().
  void Join() { threads_.clear(); }

  // Its counts of tasks.
  v1::Heartbeat Heartbeat() const;

 private:
  struct InHand;

  void Work();
  // Waits for a task and takes it into hand; false: it ends.
  bool TakeNext(InHand& task);
  void PutDown(InHand& task, bool done);
  // OK: sent. Cancelled: told to stop. NotFound: stale. InvalidArgument: fatal.
  absl::Status CarryThrough(InHand& task);
  // Likewise, whatever is thrown on the way.
  absl::Status CarryThroughOrFail(InHand& task);
  // Returns when the task may compute.
  absl::Status WaitForTurn(InHand& task);
  absl::Status Straggle(InHand& task);
  // What the task reads, from the cache or the coordinator.
  absl::StatusOr<std::vector<ParameterCache::Pointer>> Segments(InHand& task);
  absl::StatusOr<ParameterCache::Pointer> Segment(const InHand& task,
                                                  const v1::SegmentVersion& read);
  // Versions of the segment that tasks waiting or in hand have yet to read.
  std::vector<uint64_t> StillRead(const InHand& by, uint32_t segment) const;
  absl::Status Compute(InHand& task, std::span<const ParameterCache::Pointer> segments,
                       std::span<float> sum);
  absl::Status Send(InHand& task, const ReplyLayout& reply, std::span<const float> sum);
  void Report(InHand& task, const absl::Status& status);
  void TellFailed(TaskKey key, const std::string& error, bool fatal);
  void TellDropped(TaskKey key, double seconds);

  // Makes tasks in hand stop; with `tell`, each then answers TaskDropped.
  void StopTasks(const WorkerCore::Stopped& stopped, bool tell)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountTasks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  double EstimateWaiting(const WaitingTask& waiting, const ServedRun* run) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  double Estimate(const InHand& task) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  WorkerResources& resources_;
  const Ports ports_;

  mutable Mutex mutex_;
  CondVar changed_;
  WorkerCore core_ ABSL_GUARDED_BY(mutex_);
  std::map<TaskKey, InHand*> in_hand_ ABSL_GUARDED_BY(mutex_);
  PaceBook paces_ ABSL_GUARDED_BY(mutex_);
  DelayBook delays_ ABSL_GUARDED_BY(mutex_);
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t done_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_PIPELINE_H_
