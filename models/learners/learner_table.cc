#include "models/learners/learner_table.h"

#include <utility>
#include <vector>

#include "models/learners/bilevel_learner.h"
#include "models/learners/gradient_learner.h"
#include "models/learners/training_length.h"
#include "models/optimisers/optimiser.h"

namespace gradloom {
namespace {

using MadeLearner = absl::StatusOr<std::unique_ptr<Learner>>;

struct Entry {
  bool (*takes)(const Workload& workload, const v1::TrialSpec& trial);
  MadeLearner (*make)(const Workload& workload, const v1::TrialSpec& trial,
                      const std::shared_ptr<const Dataset>& train);
  double (*bytes)(const Workload& workload, const v1::TrialSpec& trial);  // of its state
};

const BilevelWorkload* AsBilevel(const Workload& workload) {
  return dynamic_cast<const BilevelWorkload*>(&workload);
}

MadeLearner MakeBilevel(const Workload& workload, const v1::TrialSpec& trial,
                        const std::shared_ptr<const Dataset>& train) {
  auto learner = BilevelLearner::Make(*AsBilevel(workload), trial, *train);
  if (!learner.ok()) return learner.status();
  return std::unique_ptr<Learner>(*std::move(learner));
}

MadeLearner MakeGradient(const Workload& workload, const v1::TrialSpec& trial,
                         const std::shared_ptr<const Dataset>& train) {
  auto constants = workload.Constants(train.get());
  if (!constants.ok()) return constants.status();
  return GradientLearner::Make(workload, trial, *std::move(constants));
}

// The segments' values, the versions kept of them, what the optimiser keeps.
double GradientBytes(const Workload& workload, const v1::TrialSpec& trial) {
  // One that is not legal is MakeLearner's error.
  const auto optimiser = MakeOptimiser(trial.optimizer(), kMaxJobs);
  const double kept = optimiser.ok() ? static_cast<double>((*optimiser)->state_names().size()) : 0;
  double values = 0;
  for (size_t s = 0; s < workload.segments().size(); ++s) {
    const SegmentSpec& segment = workload.segments()[s];
    const double copies = 1 + segment.history + (s < workload.lanes().size() ? kept : 0);
    values += copies * static_cast<double>(segment.size);
  }
  return values * sizeof(float);
}

// The first that takes a trial is its learner.
constexpr Entry kLearners[] = {
    {[](const Workload& workload, const v1::TrialSpec&) { return AsBilevel(workload) != nullptr; },
     &MakeBilevel,
     [](const Workload& workload, const v1::TrialSpec&) {
       return AsBilevel(workload)->LearnerBytes();
     }},
    {[](const Workload&, const v1::TrialSpec&) { return true; }, &MakeGradient, &GradientBytes},
};

const Entry& EntryOf(const Workload& workload, const v1::TrialSpec& trial) {
  const Entry* entry = kLearners;
  while (!entry->takes(workload, trial)) ++entry;
  return *entry;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Learner>> MakeLearner(
    const Workload& workload, const v1::TrialSpec& trial,
    // NOLINTNEXTLINE(performance-unnecessary-value-param): a learner may keep it
    std::shared_ptr<const Dataset> train) {
  return EntryOf(workload, trial).make(workload, trial, train);
}

double CoordinatorBytes(const Workload& workload, const v1::TrialSpec& trial) {
  return EntryOf(workload, trial).bytes(workload, trial) + workload.EvaluationBytes();
}

}  // namespace gradloom
