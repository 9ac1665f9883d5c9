// The runs of a coordinator: submitted, recorded on disk, resumed after a restart, ended.
// Thread-safe.
#ifndef GRADLOOM_COORDINATOR_SERVICE_RUN_REGISTRY_H_
#define GRADLOOM_COORDINATOR_SERVICE_RUN_REGISTRY_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/engine/run_engine.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "coordinator/run_file/limits.h"
#include "coordinator/store/run_store.h"
#include "gradloom/v1/run.pb.h"
#include "gradloom/v1/training.pb.h"

namespace gradloom {

class RunRegistry {
 public:
  // Called with every run that becomes active, and when it ends.
  struct Listener {
    std::function<void(std::shared_ptr<RunEngine>)> started;
    std::function<void(uint64_t run)> ended;
  };

  // `limits` hold for every run, whatever its own say.
  RunRegistry(std::string state_folder, std::string data_folder, FleetLink* link,
              CoordinatorMetrics* metrics, const ServerLimits& limits = {});
  ~RunRegistry();

  // Before anything else; runs that were waiting or running are resumed.
  absl::Status Start(Listener listener);
  // Stops every run; those that have not ended get a checkpoint and will be resumed.
  void Stop();

  absl::StatusOr<uint64_t> Submit(const v1::RunSpec& spec);
  // Goes on with a run that has ended from its newest checkpoint: as it was, or as `changed` says
  // (see UpdateRun), which a run that succeeded has to train further. What is refused changes
  // nothing. Idempotent for active runs, which cannot be changed.
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
  void WaitForEnd(uint64_t run, std::chrono::milliseconds limit) const;
  absl::StatusOr<std::string> OutputFolder(uint64_t run) const;

 private:
  struct Run {
    v1::RunRecord record;
    std::shared_ptr<RunEngine> engine;  // until ReleaseEnded
    bool active = false;
  };

  absl::Status Activate(uint64_t id);  // needs the record in runs_
  // The record of a run that is to go on. Holds the lock.
  absl::StatusOr<v1::RunRecord> ResumedLocked(const v1::RunRecord& record,
                                              const std::optional<v1::RunSpec>& changed) const;
  void OnSlots(uint64_t id, uint32_t slots);
  void OnEnd(uint64_t id, v1::RunState state, const std::string& error);

  std::string data_folder_;
  const ServerLimits limits_;
  FleetLink* link_;
  CoordinatorMetrics* metrics_;
  std::string state_folder_;
  std::unique_ptr<RunStore> store_;
  Listener listener_;
  mutable std::mutex mutex_;
  std::map<uint64_t, Run> runs_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_RUN_REGISTRY_H_
