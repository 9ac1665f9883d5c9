// The runs of a coordinator: submitted, recorded on disk, resumed after a restart, ended.
//
// A run's record has one owner at a time: whoever is changing the run's state here (submitting,
// resuming), or its engine's loop while it is active. Others wait for their turn, or are told what
// the state is. The registry's lock is never held over the disk, nor while an engine is opened or
// destroyed.
//
// Thread-safe.
#ifndef GRADLOOM_COORDINATOR_SERVICE_RUN_REGISTRY_H_
#define GRADLOOM_COORDINATOR_SERVICE_RUN_REGISTRY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/engine/run_engine.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "coordinator/run_file/limits.h"
#include "coordinator/store/run_store.h"
#include "gradloom/v1/run.pb.h"
#include "gradloom/v1/training.pb.h"
#include "proto/ops/mutex.h"

namespace gradloom {

class RunRegistry {
 public:
  // Called with every run that becomes active, and when it ends.
  struct Listener {
    std::function<void(std::shared_ptr<RunEngine>)> started;
    std::function<void(uint64_t run)> ended;
  };
  // Whether whoever asked has gone away meanwhile.
  using Abandoned = std::function<bool()>;

  // `limits` hold for every run, whatever its own say.
  RunRegistry(std::string state_folder, std::string data_folder, FleetLink* link,
              CoordinatorMetrics* metrics, const ServerLimits& limits = {});
  ~RunRegistry();

  // Before anything else; runs that were waiting or running are resumed. One that cannot be is
  // failed, with its reason; its files stay as they are, and nobody else is harmed. So is one whose
  // record cannot be read: it is FAILED for as long as this registry lives, and cannot be resumed.
  absl::Status Start(Listener listener);
  // Stops every run; those that have not ended get a checkpoint and will be resumed.
  void Stop();

  // Cancelled, and nothing of the run is left, when it was abandoned before it became active.
  absl::StatusOr<uint64_t> Submit(const v1::RunSpec& spec, const Abandoned& abandoned = nullptr);
  // Goes on with a run that has ended from its newest checkpoint: as it was, or as `changed` says
  // (see UpdateRun), which a run that succeeded has to train further. Idempotent for active runs,
  // which cannot be changed. A run that cannot be resumed is as it was before.
  absl::Status Resume(uint64_t run, const std::optional<v1::RunSpec>& changed = std::nullopt);
  absl::Status Cancel(uint64_t run);
  absl::StatusOr<v1::RunStatus> Status(uint64_t run) const;
  absl::StatusOr<v1::RunSpec> Spec(uint64_t run) const;
  std::vector<v1::RunStatus> List() const;
  // Null unless the run is active.
  std::shared_ptr<RunEngine> Active(uint64_t run) const;
  std::vector<std::shared_ptr<RunEngine>> AllActive() const;
  // Frees the memory of runs that have ended; their status stays. Not from an engine's own thread.
  void ReleaseEnded();
  // Returns when the run has ended, or after `limit`.
  void WaitForEnd(uint64_t run, absl::Duration limit) const;
  absl::StatusOr<std::string> OutputFolder(uint64_t run) const;

 private:
  struct Run {
    v1::RunRecord record;
    std::shared_ptr<RunEngine> engine;  // until ReleaseEnded
    bool active = false;
    bool cancelled = false;   // active, but asked to end
    bool changing = false;    // somebody is at its state
    bool unreadable = false;  // `record` only says why; the one in its folder is never overwritten
  };
  // The right to change a run's state; waits for whoever has it.
  class Turn;

  // Opens and starts the run; its record is saved in whatever state that leads to. Needs the turn.
  absl::Status Activate(const v1::RunRecord& record, const Abandoned& abandoned);
  absl::Status ResumeAs(v1::RunRecord record);
  // Waits, within reason, until an engine that is ending has ended, and frees it.
  void AwaitEnd(uint64_t run);
  // Saves a record and shows it. Needs the turn, or the engine's loop.
  absl::Status Save(const v1::RunRecord& record);
  absl::Status OnSettled(uint64_t id, uint32_t slots, const std::string& isa);
  void OnEnd(uint64_t id, v1::RunState state, const std::string& error);
  absl::StatusOr<v1::RunRecord> Record(uint64_t id) const;
  size_t ActiveCount() const;

  // The record of a run that is to go on.
  absl::StatusOr<v1::RunRecord> Resumed(const v1::RunRecord& record,
                                        const std::optional<v1::RunSpec>& changed) const;

  const std::string data_folder_;
  const ServerLimits limits_;
  FleetLink* link_;
  CoordinatorMetrics* metrics_;
  const std::string state_folder_;
  std::unique_ptr<RunStore> store_;
  Listener listener_;
  Mutex creating_;  // one folder at a time; before mutex_
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<uint64_t, Run> runs_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_RUN_REGISTRY_H_
