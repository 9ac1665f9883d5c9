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
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "coding/scheme.h"
#include "coordinator/core/events.h"
#include "coordinator/core/fleet.h"
#include "coordinator/core/lane_book.h"
#include "coordinator/core/task_book.h"
#include "coordinator/core/weave.h"
#include "coordinator/core/worker_judge.h"

namespace gradloom {

struct CorePlan {
  int slots = 0;        // of the fleet
  int min_workers = 1;  // rounds start once so many are there
  std::vector<LanePlan> lanes;
  std::vector<WeavePlan> weaves;
  // Makes the weaves of a Reconfigure's choice; null where there is none.
  std::function<absl::StatusOr<std::vector<WeavePlan>>(const std::string& choice)> weaves_of;
  uint64_t life = 0;  // how often the run was resumed
  // That each slot was asked for before the run was resumed: its further ones are numbered on.
  uint64_t invocations_before = 0;
  absl::Duration rejoin_grace = absl::Seconds(2);
  absl::Duration round_timeout = absl::Seconds(600);
  WorkerJudge::Options judge;
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
  int64_t workers_rested = 0;
  int64_t jobs_missed = 0;
  int64_t jobs_late = 0;        // missed, and applied nevertheless
  int64_t amplified_waits = 0;  // decodes put off because of their amplification
};

class CoordinatorCore {
 public:
  // InvalidArgument: a lane in no weave or in two, T > lanes - 1, slots out of range, ...
  static absl::StatusOr<std::unique_ptr<CoordinatorCore>> Create(CorePlan plan);

  // Appends what is to be done to `actions`. Stale events are counted and ignored. A Reconfigure
  // takes effect with the event after it.
  void Handle(absl::Time now, const Event& event, std::vector<Action>* actions);
  // By lane: the first job that has not started.
  std::vector<int64_t> NextJobs() const;
  // When to send a Tick at the latest.
  absl::Time NextTimeout() const;

  const CoreCounters& counters() const { return counters_; }
  bool ended() const { return ended_; }
  bool started() const { return started_; }
  const Fleet& fleet() const { return fleet_; }
  const Scheme& scheme(int weave) const { return weaves_.at(weave).scheme(); }
  // Slots that the weave's open round still waits for, for people.
  std::vector<int> PendingSlots(int weave) const { return weaves_.at(weave).PendingSlots(); }

 private:
  explicit CoordinatorCore(CorePlan plan);

  void On(const WorkerJoined& event);
  void On(const WorkerLost& event);
  void On(const ReplyReceived& event);
  void On(const TaskFailedEvent& event);
  void On(const TaskDropped& event);
  void On(const JobApplied& event);
  void On(const JobMissed& event);
  void On(const LanesFinished& event);
  void On(const EffectFailed& event);
  void On(const Reconfigure& event);
  void On(const StopRequested&) { stopping_ = true; }
  void On(const Tick&) {}

  // Everything that may follow from a change: moves, closing, starting rounds, the end.
  void Advance();
  void ApplyMoves();
  void AddWeaves(std::vector<WeavePlan> plans);
  // Whether a retiring weave has nothing in flight and nothing being applied.
  bool Drained(int weave) const;

  // Counts jobs as missing that are overdue.
  void MissOverdue();
  // Voids what is in flight of a lane.
  void Abandon(int lane);
  // Ends a lane; what is in flight of it is abandoned.
  void FinishLane(int lane);

  // Rests workers that an open round waits for and that have not answered for too long.
  void RestTheMute();
  // Its slots go to others for a while.
  void Rest(WorkerId worker, absl::string_view why);

  struct Start {
    int weave = 0;
    std::optional<size_t> turn;  // the lane's place in the weave's list; none: a void round, which
                                 // brings jobs in flight on
  };
  // Nothing while the weave has to wait. Its round must be closed.
  std::optional<Start> MayStart(int weave) const;
  // Starts a round of the weave, with those of its gang, if all of them may.
  bool TryStart(int weave);
  // Its mini-tasks, which are to be asked next.
  std::span<const MiniTask> StartRound(const Start& start);
  void Ask(int weave, const MiniTask& mini);
  // Carries out what the latest reply has changed within its round.
  void FollowUp(int weave);
  // last_chance: whatever the amplification.
  void TryAccept(int weave, int64_t job, bool last_chance);
  // The parameters move on with the update, so nobody can or need compute for the job any more:
  // what is outstanding of it is dropped, and its slots are not waited for.
  void Excuse(int weave, int64_t job);
  void TryClose(int weave);
  void CloseRound(int weave);
  // When the open round has lasted too long; time without any worker does not count.
  absl::Time RoundLimit(const Weave& weave) const;
  void FlushAssignments();
  void ReportWait(int weave, int64_t round, absl::Duration total);
  void SendDrops(Drops drops) { std::move(drops).Send(actions_); }
  void End(Action action);
  std::string HoldersOf(const std::vector<int>& slots) const;

  CorePlan plan_;
  Fleet fleet_;
  LaneBook lanes_;
  TaskBook tasks_;
  WorkerJudge judge_;
  std::map<int, Weave> weaves_;  // by number: old ones go, new ones come
  int next_weave_ = 0;
  int64_t next_round_ = 0;                              // of all weaves
  absl::flat_hash_map<WorkerId, absl::Time> answered_;  // a task, latest
  absl::Time look_for_mute_ = absl::InfinitePast();
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
