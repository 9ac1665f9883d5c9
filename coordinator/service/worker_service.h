// The workers' side of the coordinator: control streams, parameters out, replies in. Decides
// nothing: it validates, passes on, and converts.
#ifndef GRADLOOM_COORDINATOR_SERVICE_WORKER_SERVICE_H_
#define GRADLOOM_COORDINATOR_SERVICE_WORKER_SERVICE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "coordinator/engine/fleet_link.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "coordinator/service/run_registry.h"
#include "gradloom/v1/worker.grpc.pb.h"

namespace gradloom {

// Replies are received as raw messages, everything else by generated code.
using WorkerServiceBase = v1::WorkerService::WithCallbackMethod_Connect<
    v1::WorkerService::WithCallbackMethod_FetchParameters<
        v1::WorkerService::WithRawCallbackMethod_PushReply<v1::WorkerService::Service>>>;

class WorkerServiceImpl final : public WorkerServiceBase, public FleetLink {
 public:
  WorkerServiceImpl(std::string version, CoordinatorMetrics* metrics);
  ~WorkerServiceImpl() override;

  // Before serving.
  void SetRegistry(RunRegistry* registry) { registry_ = registry; }
  // From the registry.
  void RunStarted(const std::shared_ptr<RunEngine>& engine);
  void RunEnded(uint64_t run);
  // Ends all control streams: the workers will come back to whoever answers next.
  void CloseAll();

  void Send(WorkerId worker, v1::ToWorker message) override;

  grpc::ServerBidiReactor<v1::FromWorker, v1::ToWorker>* Connect(
      grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<v1::Frame>* FetchParameters(
      grpc::CallbackServerContext* context, const v1::FetchParametersRequest* request) override;
  // A stream of Frames, answered by a PushReplyResponse; both serialised.
  grpc::ServerReadReactor<grpc::ByteBuffer>* PushReply(grpc::CallbackServerContext* context,
                                                       grpc::ByteBuffer* response) override;

 private:
  class Connection;

  // Connection's callbacks.
  std::string Admit(const v1::Hello& hello, bool* retry);
  void OnHello(const std::shared_ptr<Connection>& connection, const v1::Hello& hello);
  void OnMessage(Connection& connection, const v1::FromWorker& message);
  void OnGone(Connection& connection);
  void Offer(Connection& connection, const RunEngine& engine);

  const std::string version_;
  CoordinatorMetrics* metrics_;
  RunRegistry* registry_ = nullptr;
  std::mutex mutex_;
  std::map<WorkerId, std::shared_ptr<Connection>> connections_;
  WorkerId next_worker_ = 1;
  std::string isa_;  // of the connected workers: replicas must agree bit for bit
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_WORKER_SERVICE_H_
