// What a method answers with.
#ifndef GRADLOOM_COORDINATOR_SERVICE_GRPC_STATUS_H_
#define GRADLOOM_COORDINATOR_SERVICE_GRPC_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace gradloom {

// The codes are the same.
inline grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_GRPC_STATUS_H_
