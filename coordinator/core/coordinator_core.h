// The coordinator's mind for one run: a pure state machine that turns events into actions. It never
// sees a gradient, a clock, a thread or a socket, so the gRPC server, the simulator and scripted
// tests drive the very same code.
//
// A run has lanes (chains of dependent jobs: trials now, layers and blocks later) and a fleet of
// slots. A **weave** is one scheme with one closing rule that drives rounds of some lanes over some
// slots. The plain case is one weave of all lanes over all slots. Several weaves on disjoint slots
// split the fleet among the lanes; several weaves on the same slots overlap: a slot works off what
// it is asked for in order, and moves on to the next weave's task as soon as the job of the one
// before is decoded, with no barrier between them. Weaves of one gang start their rounds together,
// so that a slot gets the tasks of all their lanes in one assignment and pays what an assignment
// costs but once. Weaves may be replaced while a run is under way.
//
// Deterministic; not thread-safe; the owner calls Handle with non-decreasing times.
#ifndef GRADLOOM_COORDINATOR_CORE_COORDINATOR_CORE_H_
#define GRADLOOM_COORDINATOR_CORE_COORDINATOR_CORE_H_

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coding/closing_rule.h"
#include "coding/scheme.h"
#include "coordinator/core/events.h"
#include "coordinator/core/fleet.h"

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
  // The lane starts no job from this one on, until Reconfigure says otherwise.
  int64_t pause_at = std::numeric_limits<int64_t>::max();
};

struct WeavePlan {
  std::unique_ptr<Scheme> scheme;
  std::unique_ptr<ClosingRule> closing;
  std::vector<int> lanes;  // in the order in which their jobs take turns
  std::vector<int> slots;  // fleet slot of each of the scheme's slots
  int gang = -1;           // weaves of one gang start their rounds together; -1: none
};

struct CorePlan {
  int slots = 0;        // of the fleet
  int min_workers = 1;  // rounds start once so many are there
  std::vector<LanePlan> lanes;
  std::vector<WeavePlan> weaves;
  // That each slot was asked for before the run was resumed: its further ones are numbered on.
  uint32_t invocations_before = 0;
  absl::Duration rejoin_grace = absl::Seconds(2);
  absl::Duration round_timeout = absl::Seconds(600);
  int max_task_attempts = 5;
  // A decode with a larger amplification waits for further replies while any are pending.
  double max_amplification = std::numeric_limits<double>::infinity();
};

struct CoreCounters {
  int64_t rounds = 0;
  int64_t stragglers = 0;  // slot-rounds closed without
  int64_t replies = 0;
  int64_t replies_late = 0;   // after their round had closed
  int64_t replies_stale = 0;  // of unknown or dropped tasks
  int64_t workers_lost = 0;
  int64_t tasks_failed = 0;
  int64_t jobs_missed = 0;
  int64_t jobs_late = 0;        // missed, and applied nevertheless
  int64_t amplified_waits = 0;  // decodes put off because of their amplification
};

class CoordinatorCore {
 public:
  // InvalidArgument: a lane in no weave or in two, T > lanes - 1, slots out of range, ...
  static absl::StatusOr<std::unique_ptr<CoordinatorCore>> Create(CorePlan plan);

  // Appends what is to be done to `actions`. Stale events are counted and ignored.
  void Handle(absl::Time now, const Event& event, std::vector<Action>* actions);
  // Replaces the weaves, with effect from the next Handle on: no job starts under the old ones any
  // more, jobs in flight are finished under them, and each lane goes on under its new weave as soon
  // as its own job is applied, so the fleet never stands still. New weaves get new numbers, after
  // those given so far; an old one's number, and its scheme, live until its last job is applied.
  // InvalidArgument, and nothing has changed, as for Create. Not an event: plans hold objects;
  // journal what they were made from. `pause_at`, by lane: as in LanePlan; empty: nowhere.
  absl::Status Reconfigure(std::vector<WeavePlan> weaves, const std::vector<int64_t>& pause_at);
  // By lane: the first job that has not started.
  std::vector<int64_t> NextJobs() const;
  // When to send a Tick at the latest.
  absl::Time NextTimeout() const;

  const CoreCounters& counters() const { return counters_; }
  bool ended() const { return ended_; }
  bool started() const { return started_; }
  const Fleet& fleet() const { return fleet_; }
  const Scheme& scheme(int weave) const { return *weaves_.at(weave).plan.scheme; }
  // Slots that the weave's open round still waits for, for people.
  std::vector<int> PendingSlots(int weave) const;

 private:
  enum class LaneState { kReady, kInFlight, kApplying, kDone };
  struct Lane {
    int64_t jobs = 0;
    int64_t next_job = 0;
    LaneState state = LaneState::kReady;  // kReady: but for its needs
    int weave = 0;                        // of its latest job
    std::vector<LaneDependency> needs;
    int64_t pause_at = 0;
    absl::Duration give_up = absl::InfiniteDuration();
    bool late = false;
    absl::Time started = absl::InfinitePast();      // what is in flight
    absl::Time waits_since = absl::InfinitePast();  // for it, or for the job that it misses
    bool missing = false;                           // JobMissed is awaited
    int missed = 0;             // jobs, since the one in flight began; that one is older then
    bool applies_late = false;  // what is being applied was missed before
    int64_t next_start() const {
      return next_job + (state == LaneState::kReady || missed > 0 ? 0 : 1);
    }
  };
  // A job of the scheme's numbering that is not applied yet.
  struct JobInFlight {
    int lane = -1;  // -1: void
    int64_t lane_job = 0;
    bool accepted = false;               // decoded; being applied or void
    absl::flat_hash_set<int64_t> asked;  // slot and part, if later rounds may ask for them again
  };
  struct Invocation {
    uint64_t number = 0;              // over the run; 0: not sent yet
    std::optional<uint32_t> of_slot;  // its number among its slot's: stays when it is sent anew
  };
  struct Weave {
    WeavePlan plan;
    std::deque<JobInFlight> jobs;  // of rounds first_job .. rounds() - 1
    int64_t first_job = 0;
    bool open = false;  // a round is under way
    absl::Time round_start;
    absl::Time ask_again = absl::InfiniteFuture();
    std::vector<int> excused;   // fleet slots whose work became unneeded in the open round
    std::vector<int> retries;   // fleet slots asked again for what they owed, in the open round
    std::vector<bool> arrived;  // scheme slots whose delivery was reported to the closing rule
    std::vector<Invocation> invocation;  // of the open round, by scheme slot
    size_t turn = 0;                     // the lane whose turn it is
    absl::Duration last_duration;
    int64_t wait_round = -1;       // round of the longest wait avoided so far
    absl::Duration wait_reported;  // of wait_round
    bool retiring = false;         // replaced: finishes what is in flight
  };
  struct Task {
    MiniTask mini;  // slot of the scheme
    int weave = 0;
    int lane = 0;
    int64_t lane_job = 0;
    int64_t round = 0;
    int slot = 0;  // of the fleet
    int attempt = 0;
    Invocation invocation;
    WorkerId worker = 0;  // 0: waits for the slot to get a holder
    absl::Time assigned;
  };
  struct Dropped {
    int weave = 0;
    int64_t round = 0;
  };

  explicit CoordinatorCore(CorePlan plan);

  void OnJoined(const WorkerJoined& event);
  void OnLost(const WorkerLost& event);
  void OnReply(const ReplyReceived& event);
  void OnFailed(const TaskFailedEvent& event);
  void OnDropped(const TaskDropped& event);
  void OnApplied(const JobApplied& event);
  void OnMissed(const JobMissed& event);

  // Everything that may follow from a change: moves, closing, starting rounds, the end.
  void Advance();
  void ApplyMoves();
  void AddWeaves(std::vector<WeavePlan> plans);
  // Whether the lane's next job may start.
  bool MayBegin(const Lane& lane) const;
  // Whether the lane has a job under way, or waits for a lane that has.
  bool Moves(const Lane& lane) const;
  // Counts jobs as missing that are overdue.
  void MissOverdue();
  bool Overdue(const Lane& lane, int number) const;
  absl::Time MissTime(const Lane& lane) const;
  // Voids what is in flight of a lane.
  void Abandon(int lane);
  // Ends a lane; what is in flight of it is abandoned.
  void FinishLane(int lane);
  // What a lane may do whose job is settled.
  static LaneState StateAfter(const Lane& lane);
  // Whether a retiring weave has nothing in flight and nothing being applied.
  bool Drained(int weave) const;
  struct Start {
    int weave = 0;
    bool has_job = false;  // otherwise a void round, which brings jobs in flight on
    size_t turn = 0;       // the lane's place in the weave's list
  };
  // Nothing while the weave has to wait. Its round must be closed.
  std::optional<Start> MayStart(int weave) const;
  // Starts a round of the weave, with those of its gang, if all of them may.
  bool TryStart(int weave);
  // Its mini-tasks, which are to be asked next.
  std::span<const MiniTask> StartRound(const Start& start);
  void Ask(int weave, const MiniTask& mini, int64_t round);
  // Carries out what the latest reply has changed within its round.
  void FollowUp(int weave);
  // last_chance: whatever the amplification.
  void TryAccept(int weave, int64_t job, bool last_chance);
  void Excuse(int weave, int64_t job);
  void TryClose(int weave);
  // When the open round has lasted too long; time without any worker does not count.
  absl::Time RoundLimit(const Weave& weave) const;
  void CloseRound(int weave);
  // Drops outstanding tasks of the weave that its scheme no longer needs.
  void DropUnneeded(int weave);
  // Drops by worker, in the order of first mention.
  struct Drops {
    absl::flat_hash_map<WorkerId, std::vector<TaskId>> tasks;
    std::vector<WorkerId> order;
  };
  // Forgets a task that its slot's list no longer holds.
  void DropTask(TaskId id, const Task& task, Drops* drops);
  void SendDrops(Drops drops);
  static std::vector<int> PendingSlotsOf(const Weave& weave);
  void RemoveTask(TaskId id);
  void FlushAssignments();
  void End(Action action);
  void ReportWait(int weave, int64_t round, absl::Duration total);

  Weave& weave_of(const Task& task) { return weaves_[task.weave]; }
  JobInFlight* FindJob(Weave& weave, int64_t job);

  CorePlan plan_;
  Fleet fleet_;
  std::vector<Lane> lanes_;
  std::map<int, Weave> weaves_;  // by number: old ones go, new ones come
  int next_weave_ = 0;
  absl::flat_hash_map<TaskId, Task> tasks_;
  absl::flat_hash_map<TaskId, Dropped> dropped_;  // until the worker says what they would have cost
  std::deque<TaskId> dropped_order_;
  std::vector<std::vector<TaskId>> outstanding_;  // by fleet slot, in order
  TaskId next_task_ = 1;
  uint64_t next_invocation_ = 1;
  std::vector<uint32_t> slot_invocations_;          // that each slot was asked for
  absl::Time manned_since_ = absl::InfinitePast();  // the fleet has had a worker
  bool started_ = false;
  bool stopping_ = false;
  bool ended_ = false;
  CoreCounters counters_;

  // Valid during Handle.
  absl::Time now_;
  std::vector<Action>* actions_ = nullptr;
  std::vector<int> asked_slots_;  // fleet slots with new assignments to flush
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CORE_COORDINATOR_CORE_H_
