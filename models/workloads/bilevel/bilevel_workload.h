// Multi-block bilevel optimisation as a workload. A step's sampled blocks are in places 0 .. I - 1;
// each place is a lane of its own, or one lane has them all. Every lane needs all of a step applied
// before the next begins.
//
// Segment 0 is x: [x of the step | x of the step before], version = step. Segment 1 + p is place
// p's block: [y | y before | v | v before], version = job (in version 1's second job of a step, v
// is what the first made it possible to solve for). A reply has for each place [now | now - before]
// of the phase's terms (batch.h), padded to the longer phase, then the scalars. The pair of points
// is one reply, so whatever weights decode it, they are the same for both.
#ifndef GRADLOOM_MODELS_WORKLOADS_BILEVEL_BILEVEL_WORKLOAD_H_
#define GRADLOOM_MODELS_WORKLOADS_BILEVEL_BILEVEL_WORKLOAD_H_

#include <memory>
#include <vector>

#include "models/workloads/bilevel/batch.h"
#include "models/workloads/bilevel/bsvrb.h"
#include "models/workloads/bilevel/problem.h"
#include "models/workloads/bilevel/sampling.h"
#include "models/workloads/class_numbers.h"
#include "models/workloads/workload.h"

namespace gradloom {

struct BilevelPlan {
  BilevelSampler sampler;
  BilevelLanes lanes;
  absl::Duration give_up = absl::InfiniteDuration();
  bool late = false;
  BsvrbOptions options;

  const BilevelShape& shape() const { return sampler.shape; }
  BlockLayout Layout(int phase) const { return LayoutOf(shape(), options.version, phase); }
  int64_t place_length() const;  // of a reply
};

class BilevelWorkload final : public Workload {
 public:
  BilevelWorkload(std::unique_ptr<BilevelProblem> problem, const BilevelPlan& plan,
                  const DatasetInfo& data);

  const BilevelProblem& problem() const { return *problem_; }
  const BilevelPlan& plan() const { return plan_; }
  // Row `at` of examples, which is number `number` of the data set.
  BilevelRow RowOf(const Examples& examples, int64_t at, int64_t number) const;

  const std::vector<SegmentSpec>& segments() const override { return segments_; }
  const std::vector<LaneSpec>& lanes() const override { return lanes_; }
  std::vector<SegmentVersion> Reads(int lane, int64_t job) const override;
  void Initialise(uint64_t seed, int segment, std::span<float> values) const override;
  std::unique_ptr<JobPlan> PlanJobs(const v1::TrainingSpec& training, uint64_t seed) const override;
  bool reads_examples() const override { return problem_->reads_examples(); }
  int64_t sub_batch() const override { return 1024; }
  absl::Status AddSum(const JobInputs& inputs, const Examples& batch, std::span<const int64_t> ids,
                      std::span<float> sum) const override;
  bool has_own_test() const override { return true; }
  bool evaluated_by_learner() const override { return true; }
  // Of the segments alone nothing can be said: the blocks that are not in a place are the
  // learner's, which evaluates.
  absl::StatusOr<Evaluation> Evaluate(const TrialView& view, const Examples* test) const override;
  // Of the state of its learner.
  double LearnerBytes() const;

 private:
  absl::Status Check(const JobInputs& inputs, const Examples& batch, std::span<const int64_t> ids,
                     std::span<const float> sum) const;

  std::unique_ptr<BilevelProblem> problem_;
  BilevelPlan plan_;
  int64_t features_;
  ClassNumbers classes_;
  std::vector<SegmentSpec> segments_;
  std::vector<LaneSpec> lanes_;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_BILEVEL_BILEVEL_WORKLOAD_H_
