// The users' side of the coordinator. Decides nothing: it parses, passes on, and converts. Streams
// hold no thread while they wait; other calls are short, but for Submit and Resume, which open
// data.
#ifndef GRADLOOM_COORDINATOR_SERVICE_TRAINING_SERVICE_H_
#define GRADLOOM_COORDINATOR_SERVICE_TRAINING_SERVICE_H_

#include <atomic>

#include "coordinator/service/run_registry.h"
#include "coordinator/service/run_watches.h"
#include "gradloom/v1/training.grpc.pb.h"

namespace gradloom {

using TrainingServiceBase = v1::TrainingService::WithCallbackMethod_Watch<
    v1::TrainingService::WithCallbackMethod_Fetch<v1::TrainingService::Service>>;

class TrainingServiceImpl final : public TrainingServiceBase {
 public:
  explicit TrainingServiceImpl(RunRegistry* registry);
  // Until the registry has started, and after Stop(), every call is refused: Unavailable.
  void Start() { started_ = true; }
  // Ends all watches and fetches.
  void Stop();
  // A run's state has changed: its watchers are told at once.
  void RunChanged() { watches_.Wake(); }

  grpc::Status Submit(grpc::ServerContext* context, const v1::SubmitRequest* request,
                      v1::SubmitResponse* response) override;
  grpc::Status GetRun(grpc::ServerContext* context, const v1::GetRunRequest* request,
                      v1::GetRunResponse* response) override;
  grpc::Status ListRuns(grpc::ServerContext* context, const v1::ListRunsRequest* request,
                        v1::ListRunsResponse* response) override;
  grpc::Status Cancel(grpc::ServerContext* context, const v1::CancelRequest* request,
                      v1::CancelResponse* response) override;
  grpc::Status Resume(grpc::ServerContext* context, const v1::ResumeRequest* request,
                      v1::ResumeResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext* context,
                                                     const v1::WatchRequest* request) override;
  grpc::ServerWriteReactor<v1::FetchResponse>* Fetch(grpc::CallbackServerContext* context,
                                                     const v1::FetchRequest* request) override;

 private:
  // OK, or why no call is served now.
  grpc::Status Serving() const;

  RunRegistry* registry_;
  std::atomic<bool> started_ = false, stopping_ = false;
  std::atomic<int> fetches_ = 0;
  RunWatches watches_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_TRAINING_SERVICE_H_
