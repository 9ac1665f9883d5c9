// The lanes of a run: how far each has come, what it waits for, which of its jobs is missed. Knows
// of weaves that they have numbers, and of nothing else of the core. Pure; not thread-safe.
#ifndef GRADLOOM_COORDINATOR_CORE_LANE_BOOK_H_
#define GRADLOOM_COORDINATOR_CORE_LANE_BOOK_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace gradloom {

// What another lane must have done before job j of a lane may start.
struct LaneDependency {
  int lane = 0;
  int64_t lag = 0;        // to have applied at least j - lag jobs (-1: job j, too), or be finished;
  bool finished = false;  // or to be finished
};

struct LanePlan {
  int64_t jobs = 0;       // length of the chain, at most
  int64_t first_job = 0;  // > 0 when resumed; >= jobs: finished
  std::vector<LaneDependency> needs = {};
  // A job that is not decoded so long after its start counts as missing: the lane goes on without
  // it. What is then in flight is dropped; or, with `late`, goes on, and is applied when it comes,
  // within kLateMax times as long. What is trained then depends on time.
  absl::Duration give_up = absl::InfiniteDuration();
  bool late = false;
  static constexpr int kLateMax = 10;
  // The lane starts no job from this one on, until the weaves are replaced.
  int64_t pause_at = std::numeric_limits<int64_t>::max();
  // `first_job` was decoded in an earlier life; its JobApplied is to come.
  bool applying = false;
};

class LaneBook {
 public:
  enum class State { kReady, kInFlight, kApplying, kDone };

  // InvalidArgument when a lane needs one that does not exist.
  static absl::Status Validate(const std::vector<LanePlan>& plans);
  // Plans that are valid.
  explicit LaneBook(const std::vector<LanePlan>& plans);

  int size() const { return static_cast<int>(lanes_.size()); }
  State state(int lane) const { return lanes_[lane].state; }
  int weave(int lane) const { return lanes_[lane].weave; }  // of its latest job
  int64_t next_job(int lane) const { return lanes_[lane].next_job; }
  // The first job that has not started.
  int64_t next_start(int lane) const;
  bool AllDone() const;
  // Whether the effect of a job, or of a miss, is awaited of any lane, or of one that `weave` has.
  bool AnyEffect() const;
  bool AnyApplying(int weave) const;
  // Whether the lane's next job may start.
  bool MayBegin(int lane) const;
  // Whether the lane has a job under way, or waits for a lane that has.
  bool Moves(int lane) const;

  void Begin(int lane, int weave, absl::Time now);
  // Its job is decoded. True when it was missed before.
  bool Accept(int lane);
  // The effect of its job is complete. False when the lane has been ended meanwhile.
  bool Applied(int lane);

  // Jobs not decoded in time. `manned_since`: time without any worker does not count.
  absl::Time MissTime(int lane, absl::Time manned_since) const;
  // When the next one will be overdue.
  absl::Time NextMiss(absl::Time manned_since) const;
  bool Overdue(int lane, absl::Time now, absl::Time manned_since) const;
  // The lane's job counts as missing. Returns whether what is in flight is to be abandoned.
  bool Miss(int lane);
  // The effect of the miss is complete: the lane goes on at `next_job`. False when the lane has
  // been ended meanwhile.
  bool Missed(int lane, int64_t next_job, absl::Time now);
  // After Missed, unless the lane has been ended: whether what is in flight is of no use any more.
  bool Hopeless(int lane, absl::Time now, absl::Time manned_since) const;
  // After that: the lane may go on.
  void GoOn(int lane);

  // What is in flight of the lane has become void.
  void Abandoned(int lane) { lanes_[lane].state = State::kApplying; }
  void Finish(int lane) { lanes_[lane].state = State::kDone; }
  // By lane; empty: nowhere.
  void PauseAt(const std::vector<int64_t>& jobs);

 private:
  struct Lane {
    int64_t jobs = 0;
    int64_t next_job = 0;
    State state = State::kReady;  // kReady: but for its needs
    int weave = -1;
    std::vector<LaneDependency> needs;
    int64_t pause_at = 0;
    absl::Duration give_up = absl::InfiniteDuration();
    bool late = false;
    absl::Time started = absl::InfinitePast();      // what is in flight
    absl::Time waits_since = absl::InfinitePast();  // for it, or for the job that it misses
    bool missing = false;                           // the effect of a miss is awaited
    int missed = 0;             // jobs, since the one in flight began; that one is older then
    bool applies_late = false;  // what is being applied was missed before
  };
  static State StateAfter(const Lane& lane);

  std::vector<Lane> lanes_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CORE_LANE_BOOK_H_
