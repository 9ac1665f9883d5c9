// Growing pauses between attempts. Thread-compatible.
#ifndef GRADLOOM_WORKER_BACKOFF_H_
#define GRADLOOM_WORKER_BACKOFF_H_

#include <algorithm>

#include "absl/time/time.h"

namespace gradloom {

class Backoff {
 public:
  explicit Backoff(absl::Duration first) : first_(first), next_(first) {}

  // The pause before the next attempt, `most` at most.
  absl::Duration Next(absl::Duration most) {
    const absl::Duration pause = std::min(next_, most);
    next_ = std::min(most, pause * 1.7);
    return pause;
  }
  void Restart() { next_ = first_; }

 private:
  absl::Duration first_;
  absl::Duration next_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_BACKOFF_H_
