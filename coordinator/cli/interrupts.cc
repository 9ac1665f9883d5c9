#include "coordinator/cli/interrupts.h"

#include <array>
#include <atomic>
#include <cstddef>

namespace gradloom {
namespace {

constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};
// A signal handler can reach nothing but what is static.
std::atomic<int> interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free);

void Count(int) { interrupts.fetch_add(1); }

}  // namespace

Interrupts::Interrupts() {
  interrupts = 0;
  struct sigaction action = {};
  action.sa_handler = Count;
  action.sa_flags = SA_RESTART;
  for (size_t i = 0; i < before_.size(); ++i) sigaction(kSignals[i], &action, &before_[i]);
}

Interrupts::~Interrupts() {
  for (size_t i = 0; i < before_.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

int Interrupts::count() const { return interrupts.load(); }

}  // namespace gradloom
