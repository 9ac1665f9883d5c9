// One connection to the coordinator, from Hello to the end of the stream. It listens to the control
// stream and hands on what comes: offers to the RunOpener, tasks to the Pipeline, evaluations to
// the Evaluator; and it says that it is alive. When it ends every task is forgotten; the next
// connection has a new generation.
#ifndef GRADLOOM_WORKER_CONNECTION_H_
#define GRADLOOM_WORKER_CONNECTION_H_

#include <memory>
#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "gradloom/v1/worker.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "proto/ops/mutex.h"
#include "worker/control_stream.h"
#include "worker/evaluator.h"
#include "worker/grpc_transfers.h"
#include "worker/pipeline.h"
#include "worker/resources.h"
#include "worker/run_opener.h"

namespace gradloom {

class Connection {
 public:
  Connection(std::shared_ptr<grpc::Channel> channel, WorkerResources& resources);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  struct End {
    bool welcomed = false;
    bool refused = false;   // for good: trying again cannot help
    bool replaced = false;  // by a newer connection of the same name
    std::string reason;
  };
  // Serves until the stream ends, and joins every thread. Once.
  End Run();
  // From any thread: says goodbye and makes Run() return soon.
  void Stop(const std::string& reason);
  bool connected() const;

 private:
  v1::FromWorker Hello() const;
  void Serve(End& end);
  void Handle(const v1::ToWorker& message, End& end);
  void Welcome(const v1::Welcome& welcome);
  void BeatHeart();
  // Whether the heart still beats then.
  bool AwaitBeat();
  void AwaitStreamEnd(absl::Duration patience);
  void EndTasks();

  WorkerResources& resources_;
  const std::unique_ptr<v1::WorkerService::Stub> stub_;
  ControlStream control_;
  std::stop_source stop_fetching_;
  ParameterFetcher fetcher_;
  ReplySender sender_;
  RunOpener opener_;
  Evaluator evaluator_;
  Pipeline pipeline_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool connected_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;  // no more heartbeats
  bool stream_ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_CONNECTION_H_
