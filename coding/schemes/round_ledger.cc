#include "coding/schemes/round_ledger.h"

namespace gradloom {

RoundLedger::RoundLedger(int slots, int depth)
    : slots_(slots),
      depth_(depth),
      asked_(static_cast<size_t>(slots) * depth, -1),
      left_(slots, 0) {}

void RoundLedger::StartRound() {
  for (const MiniTask& task : tasks_) {
    asked(task) = -1;
    left_[task.slot] = 0;
  }
  tasks_.clear();
  pending_ = 0;
  ++rounds_;
}

void RoundLedger::Ask(int slot, int64_t job, int32_t part) {
  tasks_.push_back({slot, part, job});
  asked(tasks_.back()) = part;
  if (left_[slot]++ == 0) ++pending_;
}

bool RoundLedger::Deliver(const MiniTask& task) {
  if (task.slot < 0 || task.slot >= slots_ || !InFlight(task.job)) return false;
  int32_t& part = asked(task);
  if (part < 0 || part != task.part) return false;
  part = -1;
  if (--left_[task.slot] > 0) return false;
  --pending_;
  return true;
}

}  // namespace gradloom
