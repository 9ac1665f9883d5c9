// Every learner: which trials are its, what it takes, how it is made.
#ifndef GRADLOOM_MODELS_LEARNERS_LEARNER_TABLE_H_
#define GRADLOOM_MODELS_LEARNERS_LEARNER_TABLE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "gradloom/v1/run.pb.h"
#include "models/data/dataset.h"
#include "models/learners/learner.h"
#include "models/workloads/workload.h"

namespace gradloom {

// The coordinator's side of a trial. `trial` is resolved; `train` is the training set that the
// workload was made for (null only for a workload that neither reads it nor has constants). Errors
// name the field, its value and what is legal.
absl::StatusOr<std::unique_ptr<Learner>> MakeLearner(const Workload& workload,
                                                     const v1::TrialSpec& trial,
                                                     std::shared_ptr<const Dataset> train);

// Bytes of memory that the trial takes at the coordinator, at least: its learner's state, and what
// an evaluation takes where that is much. Known before any of it is taken.
double CoordinatorBytes(const Workload& workload, const v1::TrialSpec& trial);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LEARNERS_LEARNER_TABLE_H_
