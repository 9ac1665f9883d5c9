// What a run leaves on disk, below its folder:
//   checkpoints/                 see coordinator/store
//   output/metrics.csv, tensorboard/<trial>[/<lane>]/events.*   while it runs
//   output/<trial>.safetensors, run.yaml, summary.json, invocations.csv   at its end
// where <trial> and <lane> are FileName (coordinator/store/file_name.h) of their names.
// Not thread-safe but for the methods that say so.
#ifndef GRADLOOM_COORDINATOR_ENGINE_RUN_FILES_H_
#define GRADLOOM_COORDINATOR_ENGINE_RUN_FILES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/core/invocation.h"
#include "coordinator/engine/held_rows.h"
#include "coordinator/engine/trial.h"
#include "coordinator/store/append_file.h"
#include "coordinator/store/checkpoint_store.h"
#include "coordinator/store/file_system.h"
#include "coordinator/store/metrics_history.h"
#include "coordinator/store/tensorboard_writer.h"
#include "gradloom/v1/checkpoint.pb.h"
#include "gradloom/v1/run.pb.h"
#include "gradloom/v1/training.pb.h"
#include "proto/ops/mutex.h"

namespace gradloom {

class RunFiles {
 public:
  // Makes the folders, and touches nothing in them. `files` must outlive this.
  static absl::StatusOr<std::unique_ptr<RunFiles>> Open(const std::string& folder, int keep,
                                                        FileSystem& files = PosixFileSystem());

  // Reads the newest checkpoint that is whole into the trials, if `check` has nothing against its
  // head, which `manifest` gets; false when there is none. Then opens the history where the trials
  // are. All is read and checked before anything is written: on an error every file is as it was,
  // and stays so, since the methods below fail then.
  absl::StatusOr<bool> Restore(std::span<const std::unique_ptr<Trial>> trials,
                               absl::FunctionRef<absl::Status(const v1::CheckpointManifest&)> check,
                               v1::CheckpointManifest* manifest);
  // After Restore: the first round that no row of the history is of.
  uint64_t next_round() const { return next_round_; }

  // The rest: FailedPrecondition unless Restore has succeeded.

  // Writes a checkpoint; the manifest's head is given, with one entry a trial. Consistent trial by
  // trial: each is copied under its locks, and written without.
  absl::Status Save(v1::CheckpointManifest manifest,
                    std::span<const std::unique_ptr<Trial>> trials);
  // One row of the history of a lane, counted over all trials. With a view it is written once that
  // is evaluated, and what is recorded of the lane meanwhile behind it: see HeldRows. Thread-safe.
  absl::Status Record(int lane, const MetricsRow& row,
                      const std::optional<int64_t>& view = std::nullopt);
  // The lane's row that waits for the view, if any, is complete. `jobs_done`: the lane's jobs that
  // count now; rows of others stay where they are. Thread-safe.
  absl::StatusOr<std::optional<MetricsRow>> Evaluated(int lane, int64_t view,
                                                      const Evaluation& evaluation,
                                                      uint64_t jobs_done);
  // The final files; `invocations`: the latest of every slot. Rows that wait for an evaluation are
  // written as they are; should the run go on, they are written anew.
  absl::Status Finish(std::span<const std::unique_ptr<Trial>> trials, const v1::RunSpec& spec,
                      const v1::RunStatus& status,
                      const std::vector<InvocationObserved>& invocations);

  const std::string& output_folder() const { return output_; }
  // Of a trial's parameters, in the output folder.
  static std::string ParametersFile(absl::string_view trial);

 private:
  RunFiles(const std::string& folder, CheckpointStore checkpoints, FileSystem& files);

  absl::Status CheckRestored() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(history_mutex_);
  absl::Status Write(int lane, std::span<const MetricsRow> rows)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(history_mutex_);
  absl::Status LoadTrials(const LoadedCheckpoint& loaded,
                          std::span<const std::unique_ptr<Trial>> trials) const
      ABSL_NO_THREAD_SAFETY_ANALYSIS;

  FileSystem& files_;
  std::string output_;
  CheckpointStore checkpoints_;
  uint64_t next_round_ = 0;
  mutable Mutex history_mutex_;
  std::optional<MetricsHistory> history_ ABSL_GUARDED_BY(history_mutex_);
  HeldRows held_ ABSL_GUARDED_BY(history_mutex_){0};
  AppendFiles event_files_;
  std::vector<TensorboardWriter> tensorboard_ ABSL_GUARDED_BY(history_mutex_);  // one a lane
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_RUN_FILES_H_
