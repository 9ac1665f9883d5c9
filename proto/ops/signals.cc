#include "proto/ops/signals.h"

namespace gradloom {
namespace {

bool IsIgnored(int number) {
  struct sigaction now = {};
  return sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

void Unblock() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

void PrepareSignals(BrokenPipe broken_pipe) {
  std::signal(SIGCHLD, SIG_DFL);
  if (broken_pipe == BrokenPipe::kIgnored) std::signal(SIGPIPE, SIG_IGN);
  Unblock();
}

std::vector<int> StopSignals() {
  std::vector<int> signals = {SIGTERM};
  for (const int number : {SIGINT, SIGHUP}) {
    if (!IsIgnored(number)) signals.push_back(number);
  }
  return signals;
}

void ResetSignalsOfChild() {
  for (const int number : {SIGTERM, SIGPIPE, SIGCHLD}) std::signal(number, SIG_DFL);
  Unblock();
}

}  // namespace gradloom
