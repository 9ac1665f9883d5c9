// Computes parts of evaluations in spare time: while the connection has no task waiting or in hand.
// When one comes, it stops before the next sub-batch and goes on later. Its own thread, so a task
// waits for nothing here; of an evaluation that cannot be divided (Workload::has_own_test) it
// may get half a processor for as long as that takes. Thread-safe.
#ifndef GRADLOOM_WORKER_EVALUATOR_H_
#define GRADLOOM_WORKER_EVALUATOR_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gradloom/v1/worker.pb.h"
#include "proto/ops/mutex.h"
#include "worker/resources.h"
#include "worker/served_run.h"
#include "worker/transfers.h"

namespace gradloom {

class Evaluator {
 public:
  // What waits beyond this is refused: the coordinator asks for one at a time of each run.
  static constexpr size_t kMaxWaiting = 1000;

  // All outlive the evaluator and are thread-safe.
  struct Ports {
    std::function<std::shared_ptr<const ServedRun>(uint64_t run)> find_run;  // null: not open
    ParameterSource* source = nullptr;
    std::function<void(const v1::FromWorker&)> tell;
  };
  Evaluator(WorkerResources& resources, Ports ports);
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  // ResourceExhausted: the system has no more threads.
  absl::Status Start();
  // What fetches are marked with from now on.
  void SetGeneration(uint64_t generation);
  // Whether there are tasks to be computed first. Never blocks.
  void SetBusy(bool busy);
  // Answered by Evaluated, unless its run or the connection ends before.
  void Add(const v1::Evaluate& task);
  void EndRun(uint64_t run);
  // Forgets everything, for good.
  void End();
  // Waits for the thread, after End().
  void Join();

 private:
  using Segments = std::vector<ParameterCache::Pointer>;

  void Work();
  // Waits for a task, and for the time to begin it; nothing: it ends.
  std::optional<v1::Evaluate> TakeNext();
  // Waits for spare time; false: what is under way is not wanted any more.
  bool MayGoOn();
  absl::StatusOr<EvaluationResult> ComputeOrFail(const v1::Evaluate& task);
  absl::StatusOr<EvaluationResult> Compute(const v1::Evaluate& task);
  // Of the view, which are kept until another one is asked for: its chunks come one by one.
  absl::StatusOr<Segments> Fetch(const ServedRun& run, const v1::Evaluate& task);
  absl::StatusOr<ParameterCache::Pointer> FetchSegment(const ServedRun& run,
                                                       const v1::Evaluate& task, int segment);
  void Tell(const v1::Evaluate& task, const absl::StatusOr<EvaluationResult>& result);

  WorkerResources& resources_;
  const Ports ports_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<v1::Evaluate> waiting_ ABSL_GUARDED_BY(mutex_);
  uint64_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;  // its run; 0: nothing, or not wanted any more
  struct View {
    uint64_t run = 0;
    uint32_t trial = 0;
    std::vector<uint64_t> versions;
    Segments segments;
  };
  View view_ ABSL_GUARDED_BY(mutex_);
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_EVALUATOR_H_
