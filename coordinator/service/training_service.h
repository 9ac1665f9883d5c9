// The users' side of the coordinator. Decides nothing: it parses, passes on, and converts.
#ifndef GRADLOOM_COORDINATOR_SERVICE_TRAINING_SERVICE_H_
#define GRADLOOM_COORDINATOR_SERVICE_TRAINING_SERVICE_H_

#include <atomic>

#include "coordinator/service/run_registry.h"
#include "gradloom/v1/training.grpc.pb.h"

namespace gradloom {

class TrainingServiceImpl final : public v1::TrainingService::Service {
 public:
  explicit TrainingServiceImpl(RunRegistry* registry) : registry_(registry) {}
  // Ends all watches.
  void Stop() { stopping_ = true; }

  grpc::Status Submit(grpc::ServerContext* context, const v1::SubmitRequest* request,
                      v1::SubmitResponse* response) override;
  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::WatchResponse>* writer) override;
  grpc::Status GetRun(grpc::ServerContext* context, const v1::GetRunRequest* request,
                      v1::GetRunResponse* response) override;
  grpc::Status ListRuns(grpc::ServerContext* context, const v1::ListRunsRequest* request,
                        v1::ListRunsResponse* response) override;
  grpc::Status Cancel(grpc::ServerContext* context, const v1::CancelRequest* request,
                      v1::CancelResponse* response) override;
  grpc::Status Resume(grpc::ServerContext* context, const v1::ResumeRequest* request,
                      v1::ResumeResponse* response) override;
  grpc::Status Fetch(grpc::ServerContext* context, const v1::FetchRequest* request,
                     grpc::ServerWriter<v1::FetchResponse>* writer) override;

 private:
  RunRegistry* registry_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_TRAINING_SERVICE_H_
