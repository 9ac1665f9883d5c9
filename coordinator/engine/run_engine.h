// Runs one run: feeds the core with what happens and carries out what it decides.
//
// One loop thread owns the core; effects (decode + update + evaluation; checkpoints) run on threads
// of their own and answer with events, so a round of one lane goes on while another lane's update
// is applied. Public methods are thread-safe and do not block on the loop.
#ifndef GRADLOOM_COORDINATOR_ENGINE_RUN_ENGINE_H_
#define GRADLOOM_COORDINATOR_ENGINE_RUN_ENGINE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/data_plane/job_sum.h"
#include "coordinator/engine/fleet_link.h"
#include "coordinator/engine/invocation_watch.h"
#include "coordinator/engine/run_files.h"
#include "coordinator/engine/schedule.h"
#include "coordinator/engine/trial.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "coordinator/run_file/limits.h"
#include "gradloom/v1/checkpoint.pb.h"
#include "gradloom/v1/run.pb.h"
#include "gradloom/v1/training.pb.h"
#include "gradloom/v1/worker.pb.h"

namespace gradloom {

struct RunEngineOptions {
  uint64_t run = 0;
  v1::RunSpec spec;                   // resolved
  std::vector<v1::TrialSpec> trials;  // resolved
  std::string data_folder;            // relative data files are relative to this
  ServerLimits limits;
  std::string folder;  // the run's: checkpoints/, output/
  absl::Time submitted;
  uint64_t resumes = 0;
  FleetLink* link = nullptr;
  CoordinatorMetrics* metrics = nullptr;
  // Called from the loop when the code's number of slots is settled, so that it can be recorded:
  // a resumed run must keep it.
  std::function<void(uint32_t slots)> on_slots;
  // Called once, from the loop, when the run has ended and its files are written.
  std::function<void(v1::RunState, const std::string& error)> on_end;
};

class RunEngine {
 public:
  // Opens data, builds trials, reads the newest checkpoint when there is one. Errors are the
  // user's: a field, its value, what is legal.
  static absl::StatusOr<std::unique_ptr<RunEngine>> Create(RunEngineOptions options);
  // Stops the threads; an unfinished run gets a checkpoint and can be resumed.
  ~RunEngine();

  uint64_t run() const { return options_.run; }
  const RunEngineOptions& options() const { return options_; }
  uint64_t data_checksum() const { return data_.train->info().checksum; }
  int64_t examples() const { return data_.train->info().examples; }
  v1::RunStatus Status() const;
  bool ended() const;
  // Returns when the run has ended, or after `limit`.
  void WaitForEnd(std::chrono::milliseconds limit) const;

  // From the workers' service.
  void WorkerReady(WorkerId worker, const std::string& name);
  void WorkerGone(WorkerId worker);
  // A worker said that it cannot serve the run (other data, a file it cannot read). While the run
  // waits for workers the reason is shown; when as many as it needs are unfit, the run fails.
  void WorkerUnfit(const std::string& name, const std::string& reason);
  void Post(Event event);
  void Cancel() { Post(StopRequested{}); }

  // A reply's way in. AddFrame per frame in any order, then Finish.
  class Reply {
   public:
    // Memory to receive a frame in. Give it back before the reply goes.
    FramePool::Buffer NewBuffer() { return sum_->NewBuffer(); }
    // Frame `frame` of the reply, the first `count` of `values`. InvalidArgument when it does not
    // fit or is not finite, NotFound when its job has been decoded meanwhile.
    absl::Status AddFrame(size_t frame, FramePool::Buffer values, size_t count, uint32_t checksum);
    // Reports the reply, and what its worker says that computing took, when its part is whole;
    // InvalidArgument when frames are missing.
    absl::Status Finish(double compute_seconds);
    size_t length() const { return sum_->length(); }
    size_t frame_values() const;

   private:
    friend class RunEngine;
    RunEngine* engine_ = nullptr;
    std::shared_ptr<JobSum> sum_;
    uint64_t epoch_ = 0;  // of the sum
    TaskId task_ = 0;
    int part_ = 0;
    WorkerId worker_ = 0;
  };
  // NotFound when the task is not (or no longer) wanted, which is fine.
  absl::StatusOr<Reply> BeginReply(TaskId task, WorkerId worker);

  // Null when the run has no such trial.
  const Trial* trial(uint32_t index) const;
  const v1::WireSpec& wire() const { return options_.spec.wire(); }
  size_t reply_frame_values() const { return reply_frame_values_; }

 private:
  struct TrialLane {
    int trial = 0;
    int lane = 0;
  };
  struct WantedTask {
    int lane = 0;
    int part = 0;
    WorkerId worker = 0;
  };
  struct LaneSum {
    std::shared_ptr<JobSum> sum;
    int weave = -1;
    int64_t lane_job = -1;
    std::vector<SegmentVersion> reads = {};  // of the job's tasks, whenever they are assigned
  };
  struct Effect {
    std::variant<ApplyJob, MissJob> what;
    std::shared_ptr<JobSum> sum;  // to be applied
  };

  explicit RunEngine(RunEngineOptions options);
  absl::Status Open();
  absl::Status Restore();

  void Loop();
  void HandleEvent(const Event& event);
  void CarryOutAll(std::vector<Action>& actions);
  // Moves to other weaves when the schedule says so.
  void FollowSchedule();
  // Before the core exists; true when it does now.
  bool WaitForWorkers(const Event& event);
  bool AllTrialsFinished() const;
  bool EndedLocked() const;
  absl::Status BuildCore();
  void CarryOut(Action& action);
  // What the schedule's choice costs beside time, for people.
  std::string CostOfSchedule(const ChoiceCost& cost) const;
  void Assign(const AssignTasks& action);
  void Drop(const DropTasks& action);
  void End(v1::RunState state, const std::string& error);
  void UpdateTrial(int trial, std::optional<double> loss,
                   const std::optional<Evaluation>& evaluation);
  void PrepareSum(const AssignedTask& task);
  v1::Task ToProto(const AssignedTask& task) const;

  void EffectLoop();
  void Enqueue(Effect effect);
  Event ApplyEffect(const Effect& effect);
  // The effects on a trial's state, and the event that answers. Under the trial's effect lock.
  absl::StatusOr<Event> Apply(const ApplyJob& apply, const JobSum& sum);
  absl::StatusOr<Event> ApplyLate(const ApplyJob& apply, const JobSum& sum);
  absl::StatusOr<Event> Miss(const MissJob& miss);
  // Of the view, if it is due and there is anything to evaluate on.
  absl::StatusOr<std::optional<Evaluation>> EvaluateIfDue(Trial& trial,
                                                          const std::optional<int64_t>& view);
  absl::Status Record(int lane, MetricsRow row, const std::optional<Evaluation>& evaluation);
  // Of the whole run; lanes of the trial.
  std::vector<int> FinishedLanes(int trial) const;
  void CheckpointLoop();
  absl::Status SaveCheckpoint();
  void UpdateStatus();

  RunEngineOptions options_;
  TrainAndTest data_;
  Examples test_;
  std::vector<std::unique_ptr<Trial>> trials_;
  std::vector<TrialLane> lanes_;  // of all trials, trial by trial
  std::vector<int> first_lane_;   // of a trial
  std::unique_ptr<RunFiles> files_;
  size_t reply_frame_values_ = 0;
  double count_tolerance_ = 0;

  // The loop's own.
  std::unique_ptr<Schedule> schedule_;
  InvocationWatch watch_;
  std::unique_ptr<CoordinatorCore> core_;
  std::map<WorkerId, std::string> ready_workers_;  // before the core exists
  v1::CheckpointManifest before_;                  // totals of earlier lives
  double extra_seconds_ = 0;
  absl::Time started_;

  std::mutex mailbox_mutex_;
  std::condition_variable mailbox_filled_;
  std::deque<Event> mailbox_;
  std::map<std::string, std::string> unfit_workers_;  // guarded by mailbox_mutex_
  bool stop_ = false;
  bool schedule_changed_ = false;  // guarded by mailbox_mutex_

  std::mutex tasks_mutex_;
  absl::flat_hash_map<TaskId, WantedTask> wanted_;  // of the lanes' jobs under way
  std::vector<LaneSum> lane_sums_;

  std::mutex effects_mutex_;
  std::condition_variable effects_filled_;
  std::deque<Effect> effects_;

  std::mutex checkpoint_mutex_;
  std::condition_variable checkpoint_wanted_;
  bool checkpoint_now_ = false;
  std::mutex save_mutex_;  // one checkpoint at a time

  mutable std::mutex status_mutex_;
  v1::RunStatus status_;
  mutable std::condition_variable ended_;

  // Last, so that they end before what they use.
  std::vector<std::jthread> threads_;
  std::jthread loop_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_RUN_ENGINE_H_
