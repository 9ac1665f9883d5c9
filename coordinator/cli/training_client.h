// The user's side of TrainingService. Errors are for people: they name the coordinator's address
// and what to do. Thread-safe.
#ifndef GRADLOOM_COORDINATOR_CLI_TRAINING_CLIENT_H_
#define GRADLOOM_COORDINATOR_CLI_TRAINING_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/cli/fetched_files.h"
#include "gradloom/v1/training.grpc.pb.h"
#include "gradloom/v1/training.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "proto/ops/mutex.h"

namespace gradloom {

class TrainingClient {
 public:
  explicit TrainingClient(const std::string& address);

  // Unavailable when no coordinator answers; otherwise the coordinator's own error.
  absl::StatusOr<uint64_t> Submit(const v1::RunSpec& spec);
  absl::StatusOr<v1::GetRunResponse> GetRun(uint64_t run);
  absl::StatusOr<std::vector<v1::RunStatus>> ListRuns();
  absl::StatusOr<v1::RunStatus> Cancel(uint64_t run);
  // `changed`: what the run is to be from here on, if not as it was.
  absl::StatusOr<v1::RunStatus> Resume(uint64_t run, const v1::RunSpec* changed = nullptr);
  // Calls `update` with every status until the run ends (OK), the stream breaks (Unavailable), or
  // `context` is cancelled. Each call needs a new context.
  absl::Status Watch(uint64_t run, grpc::ClientContext* context,
                     const std::function<void(const v1::RunStatus&)>& update);
  // Writes the run's files into the folder, which is made; returns their names. A file that grows
  // meanwhile is had as it was at one moment. `claim`: see FetchedFiles.
  absl::StatusOr<std::vector<std::string>> Fetch(uint64_t run, const std::string& folder,
                                                 const FetchedFiles::Claim& claim = nullptr);

  // Breaks off the calls under way, but for watches: Cancelled.
  void CancelCalls();

  // Waits up to `limit` for a connection. Pause with this, not by sleeping, between attempts:
  // gRPC's connections make progress only while somebody waits for them (or every five seconds).
  bool AwaitConnection(std::chrono::milliseconds limit);

  const std::string& address() const { return address_; }

 private:
  using Stub = v1::TrainingService::Stub;
  template <typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  class Context;

  // One unary call.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(Method<Request, Response> method, const Request& request,
                                std::chrono::seconds limit);
  absl::StatusOr<std::vector<std::string>> FetchOnce(uint64_t run, const std::string& folder,
                                                     const FetchedFiles::Claim& claim);
  absl::Status ToStatus(const grpc::Status& status) const;

  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<Stub> stub_;
  Mutex mutex_;
  std::set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_TRAINING_CLIENT_H_
