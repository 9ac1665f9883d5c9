#include "coordinator/cli/interrupts.h"

#include <atomic>

#include "proto/ops/signals.h"

namespace gradloom {
namespace {

// A signal handler can reach nothing but what is static.
std::atomic<int> interrupts{0};
std::atomic<bool> hung_up{false};
static_assert(std::atomic<int>::is_always_lock_free);
static_assert(std::atomic<bool>::is_always_lock_free);

void Count(int signal) {
  if (signal == SIGHUP && hung_up.exchange(true)) return;
  interrupts.fetch_add(1);
}

}  // namespace

Interrupts::Interrupts() {
  interrupts = 0;
  hung_up = false;
  struct sigaction action = {};
  action.sa_handler = Count;
  action.sa_flags = SA_RESTART;
  for (const int number : StopSignals()) {
    before_.emplace_back(number, action);
    sigaction(number, &action, &before_.back().second);
  }
}

Interrupts::~Interrupts() {
  for (const auto& [number, action] : before_) sigaction(number, &action, nullptr);
}

int Interrupts::count() const { return interrupts.load(); }

}  // namespace gradloom
