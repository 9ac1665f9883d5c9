// A weave: one scheme with one closing rule that drives rounds of some lanes over some slots. Owns
// its scheme, the jobs that are in flight under it and the round that is open; knows of lanes and
// slots that they have numbers, and nothing else of the core. Pure; not thread-safe.
#ifndef GRADLOOM_COORDINATOR_CORE_WEAVE_H_
#define GRADLOOM_COORDINATOR_CORE_WEAVE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coding/closing_rule.h"
#include "coding/scheme.h"
#include "coordinator/core/invocation.h"

namespace gradloom {

struct WeavePlan {
  std::unique_ptr<Scheme> scheme;
  std::unique_ptr<ClosingRule> closing;
  std::vector<int> lanes;  // in the order in which their jobs take turns
  std::vector<int> slots;  // fleet slot of each of the scheme's slots
  int gang = -1;           // weaves of one gang start their rounds together; -1: none
};

class Weave {
 public:
  // Of a fleet of `slots`, and of lanes 0 to lanes - 1. InvalidArgument: a lane in no weave or in
  // two, T > lanes - 1, slots out of range, ...
  static absl::Status Validate(const std::vector<WeavePlan>& weaves, int slots, size_t lanes);

  // `turn`: the place in the plan's lanes whose turn is first.
  Weave(WeavePlan plan, size_t turn);

  Scheme& scheme() const { return *plan_.scheme; }
  ClosingRule& closing() const { return *plan_.closing; }
  const std::vector<int>& lanes() const { return plan_.lanes; }
  const std::vector<int>& slots() const { return plan_.slots; }
  int gang() const { return plan_.gang; }
  size_t turn() const { return turn_; }
  // Replaced: it has no lanes any more, and finishes what is in flight.
  void Retire();
  bool retiring() const { return retiring_; }
  bool idle() const { return !open_ && jobs_.empty(); }

  // ---- jobs in flight: those of the scheme's numbering that are not applied yet
  struct Job {
    int lane = -1;  // -1: void
    int64_t lane_job = 0;
    bool accepted = false;               // decoded; being applied or void
    absl::flat_hash_set<int64_t> asked;  // slot and part, if later rounds may ask for them again
  };
  // Null when it is over. Valid until the round closes.
  Job* Find(int64_t job);
  int64_t first_job() const { return first_job_; }
  int64_t end_job() const { return first_job_ + static_cast<int64_t>(jobs_.size()); }
  bool AnyUnaccepted() const;

  // ---- the round
  bool open() const { return open_; }
  int64_t round() const { return plan_.scheme->rounds() - 1; }  // the open one, or the latest
  absl::Time round_start() const { return round_start_; }
  // Opens one, of the lane at place `turn` or, without, of a void job.
  std::span<const MiniTask> StartRound(absl::Time now, std::optional<size_t> turn,
                                       int64_t lane_job);
  // The mini-task is asked in the open round; noted if it was asked in an earlier one.
  void Asked(const MiniTask& mini);
  // The invocation of a scheme's slot in the open round.
  Invocation invocation(int slot) const { return invocation_[slot]; }
  void set_invocation(int slot, Invocation invocation) { invocation_[slot] = invocation; }
  // A reply of the scheme's slot was received: tells the closing rule when the slot has delivered.
  void Arrived(int slot, absl::Time now);
  // The fleet slot's work became unneeded in the open round.
  void Excuse(int fleet_slot) { excused_.push_back(fleet_slot); }
  // Fleet slots that the open round still waits for.
  std::vector<int> PendingSlots() const;
  ClosingRule::Decision Decide(absl::Time now);
  absl::Time ask_again() const { return ask_again_; }

  struct Closed {
    int64_t round = 0;
    absl::Duration duration;
    std::vector<int> stragglers;  // fleet slots that had not delivered, sorted
    std::vector<int> retries;     // fleet slots that were asked again for what they owed
  };
  Closed CloseRound(absl::Time now);
  // Lets go of jobs that are accepted; after what they no longer need was dropped.
  void ForgetAccepted();

  // A slot of round `round` would have needed so long. What waiting for it would have added beyond
  // what was told before; zero unless that is the latest closed round.
  struct Wait {
    bool straggled = false;  // more than twice the round
    absl::Duration extra;
  };
  Wait WouldHaveWaited(int64_t round, absl::Duration total);

 private:
  WeavePlan plan_;
  size_t turn_;  // the lane whose turn it is
  bool retiring_ = false;
  std::deque<Job> jobs_;  // of rounds first_job_ .. rounds() - 1
  int64_t first_job_ = 0;

  bool open_ = false;  // a round is under way
  absl::Time round_start_ = absl::InfinitePast();
  absl::Time ask_again_ = absl::InfiniteFuture();
  std::vector<int> excused_;
  std::vector<int> retries_;
  std::vector<bool> arrived_;  // scheme slots whose delivery was reported to the closing rule
  std::vector<Invocation> invocation_;

  absl::Duration last_duration_ = absl::ZeroDuration();
  int64_t wait_round_ = -1;       // round of the longest wait avoided so far
  absl::Duration wait_reported_;  // of wait_round_
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CORE_WEAVE_H_
