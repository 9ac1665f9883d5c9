#include "proto/ops/stop_signal.h"

#include <pthread.h>
#include <unistd.h>

#include <utility>

namespace gradloom {

StopSignal::StopSignal(std::function<void(int)> on_stop) {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
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

}  // namespace gradloom
