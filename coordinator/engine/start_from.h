// Trials that begin with a trained model's parameters (start_from), read from a safetensors file.
#ifndef GRADLOOM_COORDINATOR_ENGINE_START_FROM_H_
#define GRADLOOM_COORDINATOR_ENGINE_START_FROM_H_

#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "coordinator/engine/trial.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

// Writes the SHA-256 of every file that `spec` (resolved) starts from beside its name, where none
// stands, so that a start that is repeated begins with the same parameters. Files are relative to
// `folder`. InvalidArgument names the file and what is wrong with it.
absl::Status PinStartFiles(const std::string& folder, v1::RunSpec* spec);

// Before the first job: fills the parameters of those trials whose spec says so. Names and shapes
// have to be those of the model, all of them. InvalidArgument names the trial, the file, and what
// it lacks, has beyond the model, or has in another shape; or that it is not the file of the
// spec's SHA-256.
absl::Status StartTrials(std::span<const std::unique_ptr<Trial>> trials, const std::string& folder);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_START_FROM_H_
