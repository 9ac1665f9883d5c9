// How the coordinator's gRPC server moves vectors: what sets its rate and the memory it takes.
#ifndef GRADLOOM_COORDINATOR_SERVICE_TRANSPORT_H_
#define GRADLOOM_COORDINATOR_SERVICE_TRANSPORT_H_

#include "grpcpp/server_builder.h"

namespace gradloom {

// What a stream may send ahead of its reader: with the frame being added, the frames in flight of a
// reply. Fixed, because the window that gRPC estimates grows to tens of megabytes a stream.
inline constexpr int kStreamWindowBytes = 4 << 20;

inline void SetDataTransport(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kStreamWindowBytes);
}

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_TRANSPORT_H_
