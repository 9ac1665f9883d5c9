// What a run leaves on disk, below its folder:
//   checkpoints/                 see coordinator/store
//   output/metrics.csv, tensorboard/<trial>/events.*   while it runs
//   output/<trial>.safetensors, run.yaml, summary.json, invocations.csv   at its end
// Not thread-safe but for the methods that say so.
#ifndef GRADLOOM_COORDINATOR_ENGINE_RUN_FILES_H_
#define GRADLOOM_COORDINATOR_ENGINE_RUN_FILES_H_

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/core/invocation.h"
#include "coordinator/engine/trial.h"
#include "coordinator/store/checkpoint_store.h"
#include "coordinator/store/metrics_history.h"
#include "coordinator/store/tensorboard_writer.h"
#include "gradloom/v1/checkpoint.pb.h"
#include "gradloom/v1/run.pb.h"
#include "gradloom/v1/training.pb.h"

namespace gradloom {

class RunFiles {
 public:
  static absl::StatusOr<std::unique_ptr<RunFiles>> Open(const std::string& folder, int keep);

  // Reads the newest checkpoint that is whole, and that `check` has nothing against, into the
  // trials; false when there is none. `manifest` gets its head. Then opens the histories where the
  // trials are.
  absl::StatusOr<bool> Restore(std::span<const std::unique_ptr<Trial>> trials,
                               absl::FunctionRef<absl::Status(const v1::CheckpointManifest&)> check,
                               v1::CheckpointManifest* manifest);
  // Writes a checkpoint; the manifest's head is given, with one entry a trial. Consistent trial by
  // trial; reads under the trials' locks.
  absl::Status Save(v1::CheckpointManifest manifest,
                    std::span<const std::unique_ptr<Trial>> trials);
  // One row of the history of a lane, counted over all trials; thread-safe.
  absl::Status Record(int lane, const MetricsRow& row);
  // The final files; `invocations`: the latest of every slot.
  absl::Status Finish(std::span<const std::unique_ptr<Trial>> trials, const v1::RunSpec& spec,
                      const v1::RunStatus& status,
                      const std::vector<InvocationObserved>& invocations);

  const std::string& output_folder() const { return output_; }

 private:
  RunFiles(const std::string& folder, CheckpointStore checkpoints)
      : output_(folder + "/output"), checkpoints_(std::move(checkpoints)) {}

  std::string output_;
  CheckpointStore checkpoints_;
  std::mutex history_mutex_;
  std::optional<MetricsHistory> history_;
  std::vector<TensorboardWriter> tensorboard_;  // one a lane
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_RUN_FILES_H_
