// Vectors over gRPC, frame by frame (proto/wire/frame.h). Thread-safe.
#ifndef GRADLOOM_WORKER_GRPC_TRANSFERS_H_
#define GRADLOOM_WORKER_GRPC_TRANSFERS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>

#include "absl/status/statusor.h"
#include "gradloom/v1/worker.grpc.pb.h"
#include "worker/metrics.h"
#include "worker/transfers.h"

namespace gradloom {

class ParameterFetcher final : public ParameterSource {
 public:
  // `stop` ends all fetches, those under way and those to come.
  ParameterFetcher(v1::WorkerService::Stub& stub, WorkerMetrics& metrics, std::stop_token stop)
      : stub_(stub), metrics_(metrics), stop_(std::move(stop)) {}

  absl::StatusOr<std::shared_ptr<Parameters>> Fetch(const v1::FetchParametersRequest& request,
                                                    size_t length) override;

 private:
  v1::WorkerService::Stub& stub_;
  WorkerMetrics& metrics_;
  const std::stop_token stop_;
};

class ReplySender final : public ReplySink {
 public:
  ReplySender(v1::WorkerService::Stub& stub, WorkerMetrics& metrics)
      : stub_(stub), metrics_(metrics) {}

  absl::StatusOr<bool> Send(const v1::VectorHeader& header, uint32_t frame_bytes,
                            std::span<const float> sum, std::stop_token stop) override;

 private:
  v1::WorkerService::Stub& stub_;
  WorkerMetrics& metrics_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_GRPC_TRANSFERS_H_
