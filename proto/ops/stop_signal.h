// The signals that ask a program to stop (see StopSignals), as a polite request. Make one in main
// before any other thread starts, so that every thread inherits the blocked signals.
#ifndef GRADLOOM_PROTO_OPS_STOP_SIGNAL_H_
#define GRADLOOM_PROTO_OPS_STOP_SIGNAL_H_

#include <csignal>
#include <functional>
#include <thread>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace gradloom {

class StopSignal {
 public:
  // `on_stop` is called once, with the signal's number, on a thread of its own (so it may lock and
  // log). A second signal ends the process at once with 128 + its number; but SIGHUP never comes
  // second, since a terminal that closes may send several.
  explicit StopSignal(std::function<void(int)> on_stop);
  ~StopSignal();

  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

 private:
  sigset_t signals_;
  sigset_t before_;
  std::jthread waiter_;
};

// Ends the process with `code` unless it has ended by itself after `limit`; the log says what it
// was waiting for. May be called again with less time. For programs that keep what they must on
// disk: whoever asked for a stop gets it, whatever a peer or a library does.
void ExitWithin(absl::Duration limit, int code, absl::string_view waiting_for);

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_STOP_SIGNAL_H_
