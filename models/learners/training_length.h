// How long a training is.
#ifndef GRADLOOM_MODELS_LEARNERS_TRAINING_LENGTH_H_
#define GRADLOOM_MODELS_LEARNERS_TRAINING_LENGTH_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gradloom/v1/run.pb.h"
#include "models/data/job_plan.h"

namespace gradloom {

// Jobs of one lane: training.jobs, or as many as training.epochs take. InvalidArgument when they
// are more than kMaxJobs.
absl::StatusOr<int64_t> JobsOf(const v1::TrainingSpec& training, const JobPlan& plan);
// Of a lane; the thousands of a run together stay far below 2^63.
inline constexpr int64_t kMaxJobs = int64_t{1} << 40;
// training.evaluate_every, or once an epoch.
int64_t EvaluateEvery(const v1::TrainingSpec& training, const JobPlan& plan);
// DataLoss when a lane of a checkpoint has come further than the training is long.
absl::Status CheckLength(uint64_t jobs_done, int64_t jobs);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LEARNERS_TRAINING_LENGTH_H_
