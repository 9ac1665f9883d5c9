// A run as it stands on disk: its data, its trials as the newest checkpoint left them, its files.
// Opening reads and validates all of it before anything is written; a run that cannot be opened
// leaves its files as they are.
#ifndef GRADLOOM_COORDINATOR_ENGINE_OPENED_RUN_H_
#define GRADLOOM_COORDINATOR_ENGINE_OPENED_RUN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/engine/run_files.h"
#include "coordinator/engine/trial_set.h"
#include "coordinator/run_file/limits.h"
#include "gradloom/v1/checkpoint.pb.h"
#include "gradloom/v1/run.pb.h"
#include "gradloom/v1/training.pb.h"
#include "models/data/dataset.h"

namespace gradloom {

struct OpenedRun {
  TrainAndTest data;
  Examples test;  // empty without a test set
  TrialSet trials{{}};
  std::unique_ptr<RunFiles> files;
  v1::CheckpointManifest before;  // totals of earlier lives
  bool restored = false;          // from a checkpoint
};

// spec and trials: resolved. Relative data files are relative to `data_folder`; `folder` is the
// run's own. Errors are the user's: a field, its value, what is legal. FailedPrecondition when the
// data are not those that the checkpoint was trained on.
absl::StatusOr<std::unique_ptr<OpenedRun>> OpenRun(const v1::RunSpec& spec,
                                                   const std::vector<v1::TrialSpec>& trials,
                                                   const std::string& data_folder,
                                                   const std::string& folder,
                                                   const ServerLimits& limits);

// What the run shows of itself before it does anything.
v1::RunStatus StatusOf(const OpenedRun& opened);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_OPENED_RUN_H_
