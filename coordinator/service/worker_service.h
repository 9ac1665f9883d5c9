// The workers' side of the coordinator: control streams, parameters out, replies in. Decides
// nothing: the roster says who may join, the runs what they do; this passes on and converts.
#ifndef GRADLOOM_COORDINATOR_SERVICE_WORKER_SERVICE_H_
#define GRADLOOM_COORDINATOR_SERVICE_WORKER_SERVICE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "coordinator/engine/fleet_link.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "coordinator/service/control_stream.h"
#include "coordinator/service/roster.h"
#include "coordinator/service/run_registry.h"
#include "gradloom/v1/worker.grpc.pb.h"
#include "proto/ops/clock.h"
#include "proto/ops/mutex.h"

namespace gradloom {

// Replies are received as raw messages, everything else by generated code.
using WorkerServiceBase = v1::WorkerService::WithCallbackMethod_Connect<
    v1::WorkerService::WithCallbackMethod_FetchParameters<
        v1::WorkerService::WithRawCallbackMethod_PushReply<v1::WorkerService::Service>>>;

class WorkerServiceImpl final : public WorkerServiceBase, public FleetLink {
 public:
  // `isa`: the instruction-set level that every worker must compute at; "": each run has its own.
  WorkerServiceImpl(std::string version, std::string isa, CoordinatorMetrics* metrics);
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
  grpc::ServerReadReactor<grpc::ByteBuffer>* PushReply(grpc::CallbackServerContext* context,
                                                       grpc::ByteBuffer* response) override;

 private:
  void Received(const std::shared_ptr<ControlStream>& stream, const std::string& address,
                const v1::FromWorker& message);
  void OnHello(const std::shared_ptr<ControlStream>& stream, const std::string& address,
               const v1::Hello& hello);
  void OnMessage(ControlStream& stream, const v1::FromWorker& message);
  void OnRunReady(WorkerId worker, const v1::RunReady& ready);
  // Takes the worker off the roster, and tells the runs.
  void OnGone(WorkerId worker, const std::string& why);
  void Offer(const RosterMember& member, RunEngine& engine);
  // Looks for silent workers until the service goes.
  void Watch();

  CoordinatorMetrics* metrics_;
  RunRegistry* registry_ = nullptr;
  SteadyClock clock_;
  Roster roster_;
  Mutex watch_mutex_;
  CondVar watch_changed_;
  bool stopping_ ABSL_GUARDED_BY(watch_mutex_) = false;
  std::jthread watch_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_WORKER_SERVICE_H_
