// What follows the end of a connection: how long to wait before the next, or whether to give up.
// Pauses grow until a connection has served for as long as the longest of them, so neither a
// coordinator that breaks off at once nor a worker of the same name is run down; being replaced by
// one never counts as having served. Thread-compatible; no clock.
#ifndef GRADLOOM_WORKER_RECONNECT_H_
#define GRADLOOM_WORKER_RECONNECT_H_

#include <optional>

#include "absl/time/time.h"
#include "worker/backoff.h"

namespace gradloom {

struct ReconnectOptions {
  absl::Duration first = absl::Milliseconds(50);
  absl::Duration most = absl::Seconds(5);
  absl::Duration most_replaced = absl::Minutes(1);   // while others take this one's place
  absl::Duration give_up_after = absl::Minutes(10);  // without a coordinator; zero: never
};

class Reconnect {
 public:
  Reconnect(const ReconnectOptions& options, absl::Time now)
      : options_(options), backoff_(options.first), lost_(now) {}

  struct Ended {
    bool welcomed = false;
    bool replaced = false;                         // by a newer connection of the same name
    absl::Duration served = absl::ZeroDuration();  // since its beginning
  };
  // The pause before the next attempt; nothing: time to give up.
  std::optional<absl::Duration> After(const Ended& ended, absl::Time now) {
    if (ended.welcomed) lost_ = now;
    if (options_.give_up_after > absl::ZeroDuration() && now - lost_ >= options_.give_up_after) {
      return std::nullopt;
    }
    if (ended.welcomed && !ended.replaced && ended.served >= options_.most) backoff_.Restart();
    return backoff_.Next(ended.replaced ? options_.most_replaced : options_.most);
  }

 private:
  const ReconnectOptions options_;
  Backoff backoff_;
  absl::Time lost_;
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_RECONNECT_H_
