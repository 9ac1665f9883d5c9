// One connection to the coordinator, from Hello to the end of the stream: receives assignments on
// the control stream, computes them on its threads, sends replies. When it ends every task is
// forgotten; the next connection has a new generation.
//
// Threads: Run() reads the control stream; 2 x capacity pipeline threads carry tasks through
// (fetch parameters, wait for the turn, compute, send), so the transfers of one task overlap with
// the computing of another; one beats the heart; one opens offered runs.
#ifndef GRADLOOM_WORKER_SESSION_H_
#define GRADLOOM_WORKER_SESSION_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gradloom/v1/worker.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "worker/resources.h"
#include "worker/served_run.h"
#include "worker/worker_core.h"

namespace gradloom {

class Session {
 public:
  Session(std::shared_ptr<grpc::Channel> channel, WorkerResources& resources);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  struct End {
    bool welcomed = false;
    bool refused = false;  // for good: trying again cannot help
    std::string reason;
  };
  // Serves until the stream ends, and joins every thread.
  End Run();
  // From any thread: says goodbye and makes Run() return soon.
  void Stop(const std::string& reason);
  bool connected() const;

 private:
  struct InHand;
  // Registers an RPC so that the session's end cancels it.
  class Call;

  bool Send(const v1::FromWorker& message);
  void SendHello();
  void Handle(const v1::ToWorker& message, End& end);
  void HandleAssign(const v1::Assign& assign);
  // Makes tasks in hand stop; with `tell`, each then answers TaskDropped. Call with the lock held.
  void StopTasks(const WorkerCore::Stopped& stopped, bool tell);
  void EndTasks();
  void HandleRunEnd(uint64_t run);

  void OpenRuns();
  void BeatHeart();
  void RunPipeline();
  // OK: sent. Cancelled: told to stop. NotFound: stale. InvalidArgument: fatal.
  absl::Status CarryThrough(InHand& task);
  absl::Status Straggle(InHand& task);
  // What the task reads, from the cache or the coordinator.
  absl::StatusOr<std::vector<ParameterCache::Pointer>> Segments(InHand& task);
  absl::StatusOr<ParameterCache::Loaded> Fetch(const InHand& task,
                                               const v1::SegmentVersion& segment, size_t length);
  absl::Status Compute(InHand& task, std::span<const ParameterCache::Pointer> segments,
                       std::span<float> sum);
  absl::Status Push(InHand& task, std::span<const float> sum);
  void Report(InHand& task, const absl::Status& status);
  void TellFailed(TaskKey key, const std::string& error, bool fatal);
  void TellDropped(TaskKey key, double seconds);
  // Call with the lock held.
  double EstimateWaiting(const WaitingTask& waiting) const;
  double Estimate(const InHand& task) const;
  // Of a delay on purpose, before the task's computing. Call with the lock held.
  absl::Duration DelayLeft(const ServedRun& run, const WaitingTask& waiting) const;

  WorkerResources& resources_;
  std::unique_ptr<v1::WorkerService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::FromWorker, v1::ToWorker>> stream_;
  std::mutex write_mutex_;  // one writer at a time
  bool writes_closed_ = false;

  mutable std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  WorkerCore core_;
  std::map<TaskKey, InHand*> in_hand_;
  std::map<uint64_t, std::shared_ptr<const ServedRun>> runs_;
  std::deque<v1::RunOffer> offers_;
  std::optional<uint64_t> opening_;  // the run that is being opened,
  bool opening_ended_ = false;       // and whether it ended meanwhile
  std::set<grpc::ClientContext*> calls_;
  // Pace of earlier tasks by run, trial and lane.
  std::map<std::tuple<uint64_t, uint32_t, uint32_t>, double> seconds_per_example_;
  // Of an invocation whose first task was about to be computed.
  struct Invocation {
    std::optional<absl::Time> slow_until;  // on purpose
    std::set<uint64_t> jobs;               // of the tasks that were about to be computed
  };
  LatestInvocations<Invocation> invocations_;
  uint64_t generation_ = 0;
  uint64_t tasks_done_ = 0;
  bool connected_ = false;
  bool ending_ = false;
  bool stream_ended_ = false;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_SESSION_H_
