// How often a worker says on its control stream that it is alive.
#ifndef GRADLOOM_PROTO_WIRE_HEARTBEAT_H_
#define GRADLOOM_PROTO_WIRE_HEARTBEAT_H_

#include "absl/time/time.h"

namespace gradloom {

inline constexpr absl::Duration kHeartbeatEvery = absl::Seconds(2);

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_WIRE_HEARTBEAT_H_
