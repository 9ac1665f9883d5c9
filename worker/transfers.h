// The vectors that a task needs and makes, on their way. Ports: ParameterFetcher and ReplySender
// carry them over gRPC.
#ifndef GRADLOOM_WORKER_TRANSFERS_H_
#define GRADLOOM_WORKER_TRANSFERS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gradloom/v1/worker.pb.h"
#include "worker/parameter_cache.h"

namespace gradloom {

class ParameterSource {
 public:
  virtual ~ParameterSource() = default;
  // A version of a segment, which has `length` values. DataLoss: it came damaged; NotFound: the
  // coordinator has moved on from it; Unavailable: anything else. Thread-safe.
  virtual absl::StatusOr<std::shared_ptr<Parameters>> Fetch(
      const v1::FetchParametersRequest& request, size_t length) = 0;
};

class ReplySink {
 public:
  virtual ~ReplySink() = default;
  // The whole reply; returns whether it was still wanted. Unavailable: it has not arrived, because
  // of `stop` for one. Thread-safe.
  virtual absl::StatusOr<bool> Send(const v1::VectorHeader& header, uint32_t frame_bytes,
                                    std::span<const float> sum, std::stop_token stop) = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_TRANSFERS_H_
