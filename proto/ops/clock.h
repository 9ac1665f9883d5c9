// Time that nobody sets: deadlines, ages and durations are reckoned by it, never by the calendar.
// Thread-safe.
#ifndef GRADLOOM_PROTO_OPS_CLOCK_H_
#define GRADLOOM_PROTO_OPS_CLOCK_H_

#include "absl/time/time.h"
#include "proto/ops/steady_clock.h"

namespace gradloom {

class Clock {
 public:
  virtual ~Clock() = default;
  // Never less than before. Its zero means nothing.
  virtual absl::Time Now() const = 0;
};

class SteadyClock final : public Clock {
 public:
  absl::Time Now() const override { return SteadyNow(); }
};

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_CLOCK_H_
