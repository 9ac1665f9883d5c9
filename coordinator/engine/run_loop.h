// One run, as one thread drives it: gathers the fleet, feeds the core with what happens, carries
// out what it decides, follows the schedule, saves checkpoints, ends. Owns the core, the schedule
// and the watch over invocations; knows time, effects, workers and the disk only through its ports.
// So the service and tests under a virtual clock drive the very same code.
//
// Not thread-safe. The owner calls Handle with what happens, in order, and again at NextTimeout.
#ifndef GRADLOOM_COORDINATOR_ENGINE_RUN_LOOP_H_
#define GRADLOOM_COORDINATOR_ENGINE_RUN_LOOP_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/engine/checkpoint_timer.h"
#include "coordinator/engine/effects.h"
#include "coordinator/engine/evaluations.h"
#include "coordinator/engine/fleet_link.h"
#include "coordinator/engine/gathering.h"
#include "coordinator/engine/invocation_watch.h"
#include "coordinator/engine/reply_book.h"
#include "coordinator/engine/run_events.h"
#include "coordinator/engine/schedule.h"
#include "coordinator/engine/status_book.h"
#include "coordinator/engine/trial_set.h"
#include "coordinator/store/file_system.h"
#include "gradloom/v1/checkpoint.pb.h"
#include "gradloom/v1/run.pb.h"
#include "gradloom/v1/training.pb.h"
#include "proto/ops/clock.h"

namespace gradloom {

struct RunLoopOptions {
  uint64_t run = 0;
  v1::RunSpec spec;   // resolved
  uint64_t life = 0;  // how often the run was resumed
  std::string journal_file;
  std::string data_folder;
  v1::CheckpointManifest before;  // totals of earlier lives
  int64_t test_examples = 0;      // 0: there is no test set
  // The code's number of slots and the fleet's level are settled, and must stay when the run is
  // resumed. Returns when that is durable.
  std::function<absl::Status(uint32_t slots, const std::string& isa)> on_settled;
  // Called once, when the run has ended and its files are written, before its status says so.
  std::function<void(v1::RunState, const std::string& error)> on_end;
  // Carries out a search of the schedule, and posts ScheduleChanged after it.
  Schedule::Think think;
};

class RunLoop {
 public:
  struct Ports {
    const Clock& clock;
    Effects& effects;
    FleetLink& link;
    FileSystem& files;
  };
  // All outlive the loop.
  RunLoop(RunLoopOptions options, const TrialSet& trials, Ports ports, ReplyBook* replies,
          StatusBook* status);

  void Handle(const RunEvent& event);
  // Nothing happened until NextTimeout.
  void Wake() { Handle(Event(Tick{})); }
  absl::Time NextTimeout() const;
  // Nothing more will be done.
  bool ended() const { return ended_; }

  // Since the run began to run, in this life.
  CoreCounters counters() const;
  // Rounds that were closed since the last call.
  std::vector<RoundClosed> TakeRounds() { return std::exchange(rounds_, {}); }
  double extra_seconds() const { return extra_seconds_; }

 private:
  void On(const Event& event);
  void On(const WorkerOffered& event);
  void On(const WorkerReady& event);
  void On(const WorkerUnfit& event);
  void On(const WorkerGone& event);
  void On(const ScheduleChanged&) { FollowSchedule(); }
  void On(const ViewDue& event);
  void On(const EvaluationAnswered& event);
  void On(const EvaluationTaken& event);
  void On(const CheckpointSaved& event);
  void On(const RunClosed& event);

  // Before the core exists: starts it when the fleet is there.
  void Gather();
  absl::Status BuildCore();
  absl::Status OpenSchedule(CorePlan* plan, std::string* description, ChoiceCost* cost);
  void JoinCore(WorkerId worker, const std::string& name, const std::string& isa);

  void HandleCore(const Event& event);
  // What evaluations have held back or brought about.
  void TellOfEvaluations();
  void CarryOut(std::vector<Action>& actions);
  void CarryOut(const AssignTasks& action);
  void CarryOut(const DropTasks& action);
  void CarryOut(const ApplyJob& action);
  void CarryOut(const MissJob& action) { ports_.effects.Miss(action); }
  void CarryOut(const RoundClosed& action) { rounds_.push_back(action); }
  void CarryOut(const WaitAvoided& action);
  void CarryOut(const WorkerRested& action);
  void CarryOut(const RunFinished&);
  void CarryOut(const RunCancelled&) { End(v1::CANCELLED, ""); }
  void CarryOut(const RunFailed& action) { End(v1::FAILED, action.error); }
  void Begin(const AssignedTask& task);
  v1::Task ToProto(const AssignedTask& task) const;
  ReplyBook::Wanted WantedOf(const AssignedTask& task, WorkerId worker) const;

  // A lane's job was applied, or counts as missing.
  void Moved(int lane);
  // Moves to other weaves when the schedule says so.
  void FollowSchedule();
  // What the schedule's choice costs beside time, for people.
  std::string CostOfSchedule(const ChoiceCost& cost) const;
  void SaveCheckpointIfDue();
  void End(v1::RunState state, const std::string& error);
  void Warn(const std::string& warning);
  void UpdateStatus();

  RunLoopOptions options_;
  const TrialSet& trials_;
  Ports ports_;
  ReplyBook* replies_;
  StatusBook* status_;

  Gathering gathering_;
  absl::Time gather_again_ = absl::InfiniteFuture();
  std::unique_ptr<Schedule> schedule_;
  InvocationWatch watch_;
  Evaluations evaluations_;
  std::unique_ptr<CoordinatorCore> core_;  // once the fleet is there
  std::set<WorkerId> joined_;              // the core's workers
  std::vector<JobOrder> orders_;           // of each lane's job under way
  CheckpointTimer checkpoints_;
  double count_tolerance_ = 0;
  double extra_seconds_ = 0;
  absl::Time started_ = absl::InfinitePast();
  std::vector<RoundClosed> rounds_;
  struct Ending {
    v1::RunState state;
    std::string error;
  };
  std::optional<Ending> ending_;  // RunClosed is awaited
  bool finished_ = false;         // but for evaluations
  bool ended_ = false;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_RUN_LOOP_H_
