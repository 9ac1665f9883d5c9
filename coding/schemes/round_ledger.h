// What the current round has asked of each slot and what of it has been delivered. A slot is asked
// at most one mini-task per job and round. Not thread-safe.
#ifndef GRADLOOM_CODING_SCHEMES_ROUND_LEDGER_H_
#define GRADLOOM_CODING_SCHEMES_ROUND_LEDGER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "coding/scheme.h"

namespace gradloom {

class RoundLedger {
 public:
  // `depth` consecutive jobs, the newest being the round's number, are in flight at a time.
  RoundLedger(int slots, int depth);

  int slots() const { return slots_; }
  int depth() const { return depth_; }
  int64_t rounds() const { return rounds_; }
  int64_t oldest_job() const { return rounds_ > depth_ ? rounds_ - depth_ : 0; }
  // Whether job is one of those in flight, hence owns ring position job % depth.
  bool InFlight(int64_t job) const { return job >= oldest_job() && job < rounds_; }

  void StartRound();
  // To be called with slots in ascending order.
  void Ask(int slot, int64_t job, int32_t part);
  std::span<const MiniTask> tasks() const { return tasks_; }

  // Marks the mini-task if the current round asks for it; true when `task.slot` has thereby
  // delivered everything. Ignores what the round does not ask for, and repetitions.
  bool Deliver(const MiniTask& task);
  // False for a slot with undelivered mini-tasks; a slot that is asked nothing has delivered.
  bool Delivered(int slot) const { return left_[slot] == 0; }
  int pending() const { return pending_; }

 private:
  int32_t& asked(const MiniTask& task) {
    return asked_[static_cast<size_t>(task.slot) * depth_ + task.job % depth_];
  }

  int slots_;
  int depth_;
  int64_t rounds_ = 0;
  std::vector<MiniTask> tasks_;
  std::vector<int32_t> asked_;  // slots x depth: the undelivered part asked for, or -1
  std::vector<int32_t> left_;   // undelivered mini-tasks per slot
  int pending_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SCHEMES_ROUND_LEDGER_H_
