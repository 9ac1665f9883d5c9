// A clock that no one sets. Its zero means nothing.
#ifndef GRADLOOM_WORKER_STEADY_CLOCK_H_
#define GRADLOOM_WORKER_STEADY_CLOCK_H_

#include <chrono>

#include "absl/time/time.h"

namespace gradloom {

inline absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_STEADY_CLOCK_H_
