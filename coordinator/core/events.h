// What goes into and comes out of the core: events (facts, in) and actions (effects to carry out).
// Plain values: no vector of numbers, no handle, so both can be journalled and replayed.
//
// Whoever journals events has to know what may be carried out before the journal is safe, as raft's
// Ready tells: an action follows from the events before it, and what it brings about in the world
// must not outlive the memory of them. Each action says so below, and MustBeDurableFirst as well.
#ifndef GRADLOOM_COORDINATOR_CORE_EVENTS_H_
#define GRADLOOM_COORDINATOR_CORE_EVENTS_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "coding/scheme.h"

namespace gradloom {

using WorkerId = uint64_t;  // one connection of one worker process: a reconnect is a new id
using TaskId = uint64_t;    // one assignment: a retry is a new id, so a stale reply names itself

// ---- events -------------------------------------------------------------------------------------

// A worker is connected and ready for the run.
struct WorkerJoined {
  WorkerId worker = 0;
  std::string name;  // the same name as a lost worker's takes that one's slots back
};
// Its stream broke, or it said goodbye: an erasure of all it was doing.
struct WorkerLost {
  WorkerId worker = 0;
};
// The data plane holds the task's whole reply.
struct ReplyReceived {
  TaskId task = 0;
  double compute_seconds = 0;  // as its worker measured; 0: unknown
};
struct TaskFailedEvent {
  TaskId task = 0;
  WorkerId worker = 0;  // that says so; who does not have the task has no say
  bool fatal = false;   // by its word every replica would fail alike
  std::string error;
};
// A dropped task would have taken so long in all, from its assignment.
struct TaskDropped {
  TaskId task = 0;
  absl::Duration estimated;
};
// The effect of ApplyJob is complete: the lane's next job may start.
struct JobApplied {
  int lane = 0;
  // Lanes that it ended, this or others (target reached, patience exhausted). A job that another
  // of them has in flight is given up: nobody needs it any more.
  std::vector<int> finished = {};
};
// The effect of MissJob is complete.
struct JobMissed {
  int lane = 0;
  int64_t next_job = 0;            // the lane goes on here: its next job, or a later one
  std::vector<int> finished = {};  // as in JobApplied
};
// Lanes that something else than a job has ended: an evaluation that came in. As in JobApplied.
struct LanesFinished {
  std::vector<int> lanes;
};
// An effect failed (disk full, NaN in the sum, ...): the run cannot go on.
struct EffectFailed {
  std::string error;
};
// The weaves are replaced: no job starts under the old ones any more, jobs in flight are finished
// under them, and each lane goes on under its new weave as soon as its own job is applied, so the
// fleet never stands still. New weaves get new numbers, after those given so far; an old one's
// number, and its scheme, live until its last job is applied.
struct Reconfigure {
  std::string choice;             // what CorePlan::weaves_of makes weaves from
  std::vector<int64_t> pause_at;  // by lane, as LanePlan::pause_at; empty: nowhere
};
// Start nothing more; the run ends cancelled.
struct StopRequested {};
// Time has passed; sent when NextTimeout() is reached.
struct Tick {};

using Event =
    std::variant<WorkerJoined, WorkerLost, ReplyReceived, TaskFailedEvent, TaskDropped, JobApplied,
                 JobMissed, LanesFinished, EffectFailed, Reconfigure, StopRequested, Tick>;

// ---- actions ------------------------------------------------------------------------------------

struct AssignedTask {
  TaskId id = 0;
  int slot = 0;   // of the fleet
  int weave = 0;  // whose scheme's part it is
  int lane = 0;
  int64_t lane_job = 0;  // the lane's job, and the version of the parameters to use
  int part = 0;
  int attempt = 0;
  // What a slot is asked for at once, and what is added to that while it is at it, is one
  // invocation, numbered from 1 over the run. Where weaves overlap on a slot, what is added to one
  // comes after what the slot has been asked for of others meanwhile.
  uint64_t invocation = 0;
  // Which of its slot's it is, from 0 over the run, whatever weaves ask: what a delay on purpose is
  // of. What is assigned anew, elsewhere or after a failure, keeps it.
  uint32_t slot_invocation = 0;
};
// To one worker, in the order to be computed.
// At once: should the events before it be forgotten, a later life asks under other ids, and what
// these bring is refused.
struct AssignTasks {
  WorkerId worker = 0;
  std::vector<AssignedTask> tasks;
};
// These tasks' replies are no longer wanted.
// At once: a later life asks anew.
struct DropTasks {
  WorkerId worker = 0;
  std::vector<TaskId> tasks;
};
// Decode and apply the lane's job; answered by JobApplied or EffectFailed.
// Only after what precedes it is durable: it is state from then on that this job was applied, from
// these parts, and before which others.
struct ApplyJob {
  int weave = 0;
  int lane = 0;
  int64_t lane_job = 0;
  JobDecoding decoding;
  bool late = false;  // MissJob has been asked for: the lane has gone on without it
  // In which it was decoded. All rounds of the core, whatever their weaves, are numbered from 0 as
  // they start.
  int64_t round = 0;
  int stragglers = 0;  // slots of that round that it was decoded without
};
// The lane's job has not come in time and counts as missing; answered by JobMissed or EffectFailed.
// Only after what precedes it is durable, as ApplyJob.
struct MissJob {
  int lane = 0;
  int64_t lane_job = 0;
};
// At once, as all that is told to people only.
struct RoundClosed {
  int weave = 0;
  int64_t round = 0;
  absl::Duration duration;
  std::vector<int> stragglers;  // fleet slots that had not delivered
  std::vector<int> retries;     // fleet slots that were asked again for what they owed
};
// What waiting for every slot would have added to a round, learnt after it closed.
struct WaitAvoided {
  int64_t round = 0;
  absl::Duration extra;
};
// A worker is rested: its slots are others' until then.
// At once.
struct WorkerRested {
  WorkerId worker = 0;
  absl::Time until;
  std::string why;  // for people; names the worker
};
// Only after what precedes it is durable: nobody may be told of an end that a later life has not
// heard of.
struct RunFinished {};
struct RunCancelled {};
struct RunFailed {
  std::string error;
};

using Action = std::variant<AssignTasks, DropTasks, ApplyJob, MissJob, RoundClosed, WaitAvoided,
                            WorkerRested, RunFinished, RunCancelled, RunFailed>;

inline bool MustBeDurableFirst(const Action& action) {
  return std::holds_alternative<ApplyJob>(action) || std::holds_alternative<MissJob>(action) ||
         std::holds_alternative<RunFinished>(action) ||
         std::holds_alternative<RunCancelled>(action) || std::holds_alternative<RunFailed>(action);
}

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CORE_EVENTS_H_
