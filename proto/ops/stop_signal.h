// SIGINT and SIGTERM as a polite request to stop. Make one in main before any other thread starts,
// so that every thread inherits the blocked signals.
#ifndef GRADLOOM_PROTO_OPS_STOP_SIGNAL_H_
#define GRADLOOM_PROTO_OPS_STOP_SIGNAL_H_

#include <csignal>
#include <functional>
#include <thread>

namespace gradloom {

class StopSignal {
 public:
  // `on_stop` is called once, with the signal's number, on a thread of its own (so it may lock and
  // log). A second signal ends the process at once with 128 + its number.
  explicit StopSignal(std::function<void(int)> on_stop);
  ~StopSignal();

  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

 private:
  sigset_t signals_;
  sigset_t before_;
  std::jthread waiter_;
};

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_STOP_SIGNAL_H_
