#include "proto/ops/stop_signal.h"

#include <pthread.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/ops/logging.h"
#include "proto/ops/signals.h"

namespace gradloom {

StopSignal::StopSignal(std::function<void(int)> on_stop) {
  sigemptyset(&signals_);
  for (const int number : StopSignals()) sigaddset(&signals_, number);
  // Wakes the waiter when the process ends without any signal.
  sigaddset(&signals_, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  waiter_ = std::jthread([this, on_stop = std::move(on_stop)](const std::stop_token& stop) {
    bool asked = false;
    while (true) {
      int signal = 0;
      if (sigwait(&signals_, &signal) != 0) continue;
      if (signal == SIGUSR2) {
        if (stop.stop_requested()) return;
        continue;
      }
      if (asked && signal == SIGHUP) continue;
      if (asked) _exit(128 + signal);
      asked = true;
      on_stop(signal);
    }
  });
}

StopSignal::~StopSignal() {
  waiter_.request_stop();
  pthread_kill(waiter_.native_handle(), SIGUSR2);
  waiter_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void ExitWithin(absl::Duration limit, int code, absl::string_view waiting_for) {
  std::thread([limit, code, what = std::string(waiting_for)] {
    absl::SleepFor(limit);
    Log(LogLevel::kWarning, absl::StrCat("exiting without waiting any longer for ", what));
    _exit(code);
  }).detach();
}

}  // namespace gradloom
