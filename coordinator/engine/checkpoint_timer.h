// When to save checkpoints. The first comes after a second, and the pauses double until they are
// what the run file says, so that a coordinator that is killed in a short run loses little of it;
// a pause is never shorter than what makes saving cost more than a twentieth of the time. Pure; not
// thread-safe.
#ifndef GRADLOOM_COORDINATOR_ENGINE_CHECKPOINT_TIMER_H_
#define GRADLOOM_COORDINATOR_ENGINE_CHECKPOINT_TIMER_H_

#include <algorithm>

#include "absl/time/time.h"

namespace gradloom {

class CheckpointTimer {
 public:
  explicit CheckpointTimer(absl::Duration every)
      : every_(every), pause_(std::min(every, absl::Seconds(1))) {}

  void Start(absl::Time now) { due_ = now + pause_; }
  // As soon as none is being saved.
  void Want() { wanted_ = true; }
  bool Due(absl::Time now) const { return !saving_ && (wanted_ || now >= due_); }
  absl::Time NextTimeout() const { return saving_ ? absl::InfiniteFuture() : due_; }
  void Begin() {
    saving_ = true;
    wanted_ = false;
  }
  void Saved(absl::Time now, absl::Duration took) {
    saving_ = false;
    pause_ = std::min(every_, 2 * pause_);
    due_ = now + std::max(pause_, 20 * took);
  }

 private:
  const absl::Duration every_;
  absl::Duration pause_;
  absl::Time due_ = absl::InfiniteFuture();
  bool wanted_ = false;
  bool saving_ = false;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_CHECKPOINT_TIMER_H_
