// Time that passes only when everything due at it has happened: a clock and the agenda that moves
// it. What is due at one moment happens in the order in which it was put down. Not thread-safe.
#ifndef GRADLOOM_TESTS_SIMULATION_VIRTUAL_TIME_H_
#define GRADLOOM_TESTS_SIMULATION_VIRTUAL_TIME_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "absl/time/time.h"
#include "proto/ops/clock.h"

namespace gradloom {

class VirtualTime final : public Clock {
 public:
  absl::Time Now() const override { return now_; }
  double seconds() const { return absl::ToDoubleSeconds(now_ - kStart); }

  // Never earlier than now. `when` in the infinite future: never.
  void At(absl::Time when, std::function<void()> what) {
    if (when == absl::InfiniteFuture()) return;
    agenda_.emplace(std::pair(std::max(when, now_), next_++), std::move(what));
  }
  void After(absl::Duration delay, std::function<void()> what) {
    At(now_ + delay, std::move(what));
  }

  bool idle() const { return agenda_.empty(); }
  // Moves on to what is due next. Not when idle.
  void Step() {
    auto due = agenda_.extract(agenda_.begin());
    now_ = due.key().first;
    due.mapped()();
  }

 private:
  // Decades off the calendar: whoever asked that would show.
  static constexpr absl::Time kStart = absl::UnixEpoch();

  absl::Time now_ = kStart;
  uint64_t next_ = 0;
  std::map<std::pair<absl::Time, uint64_t>, std::function<void()>> agenda_;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_SIMULATION_VIRTUAL_TIME_H_
