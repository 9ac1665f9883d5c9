// What most workloads have in common.
#include <algorithm>
#include <numeric>
#include <utility>

#include "models/data/minibatch.h"
#include "models/optimisers/optimiser.h"
#include "models/workloads/gradient_learner.h"
#include "models/workloads/workload.h"

namespace gradloom {

int64_t Workload::parameters() const {
  int64_t values = 0;
  for (const SegmentSpec& segment : segments()) values += segment.size;
  return values;
}

std::vector<SegmentVersion> Workload::Reads(int lane, int64_t job) const { return {{lane, job}}; }

absl::Status Workload::AddEvaluation(const TrialView& /*view*/, const Examples& /*batch*/,
                                     int64_t /*first*/, EvaluationSums* /*sums*/) const {
  return absl::UnimplementedError("this workload has a test of its own");
}

Evaluation Workload::Conclude(const EvaluationSums& sums) const {
  if (sums.examples == 0) return {};
  const auto examples = static_cast<double>(sums.examples);
  return {
      .loss = sums.loss / examples, .accuracy = sums.correct / examples, .examples = sums.examples};
}

absl::StatusOr<EvaluationSums> Workload::EvaluateChunk(const TrialView& view,
                                                       const Examples& examples, TestChunk rows,
                                                       int64_t first,
                                                       absl::FunctionRef<bool()> keep_going) const {
  EvaluationSums sums;
  std::vector<int64_t> index;
  for (int64_t at = rows.begin; at < rows.end; at += sub_batch()) {
    if (!keep_going()) return absl::CancelledError("the evaluation is not wanted any more");
    index.resize(static_cast<size_t>(std::min(sub_batch(), rows.end - at)));
    std::iota(index.begin(), index.end(), at);
    absl::Status status =
        AddEvaluation(view, examples.Gather(index), first + at - rows.begin, &sums);
    if (!status.ok()) return status;
  }
  return sums;
}

absl::StatusOr<Evaluation> Workload::Evaluate(const TrialView& view, const Examples* test) const {
  EvaluationSums all;
  for (const TestChunk& chunk : CutTestSet(test->rows, sub_batch())) {
    const absl::StatusOr<EvaluationSums> sums =
        EvaluateChunk(view, *test, chunk, chunk.begin, [] { return true; });
    if (!sums.ok()) return sums.status();
    all.Merge(*sums);
  }
  return Conclude(all);
}

std::unique_ptr<JobPlan> Workload::PlanJobs(const v1::TrainingSpec& training, uint64_t seed) const {
  const uint64_t batch = training.batch_size();
  const auto examples = static_cast<uint64_t>(examples_);
  return std::make_unique<MinibatchJobs>(
      MinibatchPlan(examples_, static_cast<int64_t>(std::min(batch, examples)), seed));
}

double Workload::CoordinatorBytes(const v1::TrialSpec& trial) const {
  // One that is not legal is MakeLearner's error.
  const auto optimiser = MakeOptimiser(trial.optimizer(), kMaxJobs);
  const double kept = optimiser.ok() ? static_cast<double>((*optimiser)->state_names().size()) : 0;
  double values = 0;
  for (size_t s = 0; s < segments().size(); ++s) {
    const SegmentSpec& segment = segments()[s];
    const double copies = 1 + segment.history + (s < lanes().size() ? kept : 0);
    values += copies * static_cast<double>(segment.size);
  }
  return values * sizeof(float);
}

absl::StatusOr<std::unique_ptr<Learner>> Workload::MakeLearner(
    const v1::TrialSpec& trial,
    // NOLINTNEXTLINE(performance-unnecessary-value-param): other workloads keep it
    std::shared_ptr<const Dataset> /*train*/) const {
  return MakeGradientLearner(*this, trial);
}

}  // namespace gradloom
