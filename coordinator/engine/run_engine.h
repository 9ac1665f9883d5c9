// One run under way: wires the loop to its thread, its effects, its workers and the disk. Public
// methods are thread-safe and do not block on the loop.
#ifndef GRADLOOM_COORDINATOR_ENGINE_RUN_ENGINE_H_
#define GRADLOOM_COORDINATOR_ENGINE_RUN_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/engine/effect_pool.h"
#include "coordinator/engine/fleet_link.h"
#include "coordinator/engine/mailbox.h"
#include "coordinator/engine/opened_run.h"
#include "coordinator/engine/reply.h"
#include "coordinator/engine/reply_book.h"
#include "coordinator/engine/run_effects.h"
#include "coordinator/engine/run_events.h"
#include "coordinator/engine/run_loop.h"
#include "coordinator/engine/status_book.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "coordinator/run_file/limits.h"
#include "gradloom/v1/run.pb.h"
#include "gradloom/v1/training.pb.h"

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
  // See RunLoopOptions; from the loop's thread.
  std::function<absl::Status(uint32_t slots, const std::string& isa)> on_settled;
  std::function<void(v1::RunState, const std::string& error)> on_end;
};

class RunEngine {
 public:
  // Opens the run; errors as OpenRun's. Nothing happens yet.
  static absl::StatusOr<std::unique_ptr<RunEngine>> Create(RunEngineOptions options);
  // Stops, unless it has been.
  ~RunEngine();

  // Begins to run; once.
  void Start();
  // Ends its thread; an unfinished run gets a checkpoint and can be resumed. From the owner's
  // thread, whoever else still holds the engine.
  void Stop();

  uint64_t run() const { return options_.run; }
  const RunEngineOptions& options() const { return options_; }
  uint64_t data_checksum() const { return opened_->data.train->info().checksum; }
  // 0: there are no test data.
  uint64_t test_checksum() const {
    return opened_->data.test == nullptr ? 0 : opened_->data.test->info().checksum;
  }
  int64_t examples() const { return opened_->data.train->info().examples; }
  v1::RunStatus Status() const { return status_.Get(); }
  bool ended() const { return status_.ended(); }
  // Returns when the run has ended, or after `limit`.
  void WaitForEnd(absl::Duration limit) const { status_.WaitForEnd(limit); }

  void Post(RunEvent event) { mailbox_.Post(std::move(event)); }
  void Cancel() { Post(Event(StopRequested{})); }

  // Errors as ReplyBook::Enter; a reply that does not count its task's examples counts as failed.
  absl::StatusOr<Reply> BeginReply(TaskId task, WorkerId worker, double examples);

  // Null when the run has no such trial.
  const Trial* trial(uint32_t index) const;
  const v1::WireSpec& wire() const { return options_.spec.wire(); }

 private:
  RunEngine(RunEngineOptions options, std::unique_ptr<OpenedRun> opened);
  void Run();
  // Tells Prometheus what has changed.
  void Count(const CoreCounters& before, double extra_seconds_before);

  const RunEngineOptions options_;
  const std::unique_ptr<OpenedRun> opened_;
  SteadyClock clock_;
  Mailbox<RunEvent> mailbox_;
  StatusBook status_;
  ReplyBook replies_;
  std::unique_ptr<RunEffects> effects_;
  std::unique_ptr<EffectPool> searches_;  // under `scheme: auto`
  std::unique_ptr<RunLoop> loop_;         // its thread's own once that runs
  bool stopped_ = false;                  // the owner's
  std::jthread thread_;                   // last, so that it ends before what it uses
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_RUN_ENGINE_H_
