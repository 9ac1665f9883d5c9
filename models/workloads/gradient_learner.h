// The learner of everything that descends along mean gradients: lane l owns segment l, and each of
// its jobs moves it by one step of the optimiser. Lanes may run side by side (blocks, layers) or
// one after the other (greedy layers). Segments beyond the lanes' are constants of the trial.
//
// Evaluation: a lane is due every `evaluate_every` jobs and at its last one. It sets its segment
// aside then, and goes on; of lanes side by side the last to arrive at the same number of jobs
// completes the view. A finished lane, and one that has to wait for the due lane's end, counts as
// it is: such a lane must not begin before the last view of those it waits for is evaluated. So
// what is evaluated, and what early stopping decides, depends neither on which lane was ahead nor
// on how long an evaluation took. With patience, lanes end at an evaluation only, together, and at
// their best state: the segment is then at that state's version. The last states stay with those
// that the lanes ended at, so that a longer training goes on from them with the bits that it would
// have had.
#ifndef GRADLOOM_MODELS_WORKLOADS_GRADIENT_LEARNER_H_
#define GRADLOOM_MODELS_WORKLOADS_GRADIENT_LEARNER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gradloom/v1/run.pb.h"
#include "models/workloads/learner.h"

namespace gradloom {

// `workload` must outlive the learner. `constants`: the values of the segments beyond the lanes',
// in order. Errors name the field, its value and what is legal.
absl::StatusOr<std::unique_ptr<Learner>> MakeGradientLearner(
    const Workload& workload, const v1::TrialSpec& trial,
    std::vector<std::vector<float>> constants = {});

// Jobs of one lane: training.jobs, or as many as training.epochs take. InvalidArgument when they
// are more than kMaxJobs.
absl::StatusOr<int64_t> JobsOf(const v1::TrainingSpec& training, const JobPlan& plan);
// Of a lane; the thousands of a run together stay far below 2^63.
inline constexpr int64_t kMaxJobs = int64_t{1} << 40;
// DataLoss when a lane of a checkpoint has come further than the training is long.
absl::Status CheckLength(uint64_t jobs_done, int64_t jobs);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_GRADIENT_LEARNER_H_
