// A clock that nobody sets: for waits and for how long something took.
#ifndef GRADLOOM_PROTO_OPS_STEADY_CLOCK_H_
#define GRADLOOM_PROTO_OPS_STEADY_CLOCK_H_

#include <chrono>

#include "absl/time/time.h"

namespace gradloom {

// Differences are true, the dates are not.
inline absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_STEADY_CLOCK_H_
