// The coordinator's side of a bilevel trial: holds a step's replies until all its places are
// settled, then ends the step in place order (Bsvrb), so that the order of arrival cannot matter.
//
// Evaluation: loss is the mean over blocks of f_i(x, y_i), and accuracy the fraction of rows that
// the blocks' models classify rightly, on all validation rows; with test data (and a problem that
// reads data), both are of every block's model on all of it.
#ifndef GRADLOOM_MODELS_LEARNERS_BILEVEL_LEARNER_H_
#define GRADLOOM_MODELS_LEARNERS_BILEVEL_LEARNER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/learners/learner.h"
#include "models/workloads/bilevel/bilevel_workload.h"

namespace gradloom {

class BilevelLearner final : public Learner {
 public:
  // `workload` must outlive the learner. Errors name the field, its value and what is legal.
  static absl::StatusOr<std::unique_ptr<BilevelLearner>> Make(const BilevelWorkload& workload,
                                                              const v1::TrialSpec& trial,
                                                              const Dataset& train);

  JobOrder Next(int lane) const override;
  absl::StatusOr<AppliedJob> Apply(int lane, int64_t job, const DecodedSum& sum) override;
  // The rest of the lane's step is given up with the job: its blocks count as unsampled in this
  // step, and the lane is where it would be had the step's jobs been applied.
  absl::StatusOr<std::optional<int64_t>> ApplyMissing(int lane, int64_t job) override;
  absl::Status ApplyLate(int lane, int64_t job, const DecodedSum& sum) override;
  std::span<const float> Values(SegmentVersion segment) const override;
  Evaluator EvaluatorOf(int64_t view) const override;
  std::vector<NamedVector> Vectors() override;
  void StartFromParameters() override;

  const Bsvrb& state() const { return state_; }

 private:
  using Floats = std::vector<float>;
  // Of a place, in this step; floats, as all that is in a checkpoint.
  static constexpr float kOpen = 0, kArrived = 1, kMissing = 2;

  BilevelLearner(const BilevelWorkload& workload, const v1::TrialSpec& trial, const Length& length,
                 Examples rows);

  // The model is [x | y, block by block], as of the state's step: blocks are caught up lazily, and
  // what a block catches up with in one go, it must not catch up with in two, to have the same
  // bits.
  ModelCopy CopyOf(int part) const override;
  ModelCopy Blank(int part) const override;
  void List(int part, const std::string& name, ModelCopy& copy,
            std::vector<NamedVector>* vectors) override;
  bool EndsWithCopy() const override { return true; }
  absl::Status GoOnFromResult(int part) override;
  absl::Status Loaded() override;

  int phases() const { return plan_.lanes.phases; }
  // Reads a lane's reply; OutOfRange unless it is finite.
  absl::StatusOr<Floats> ReadFinite(int lane, const DecodedSum& sum) const;
  BlockReply ReplyAt(int place) const;
  void SolveForSecondPhase(int place);
  // Ends the step if all lanes have done its jobs; the view that is due, if any.
  std::optional<int64_t> EndStepIfSettled();
  // Writes the sampled blocks and x, as of the new step, for workers to read.
  void Publish();
  void PublishPlace(int place, const BilevelPoint& now, const BilevelPoint& before);
  Evaluation EvaluateOn(const ModelCopy& model, int block, const Examples* test) const;
  absl::StatusOr<Evaluation> EvaluateAll(const ModelCopy& model, const Examples* test) const;

  const BilevelWorkload& bilevel_;
  const BilevelPlan& plan_;
  const Examples rows_;  // those of the problem
  Bsvrb state_;
  std::vector<int> blocks_;                   // the step's, by place
  std::vector<Floats> segments_;              // what workers read
  std::vector<std::vector<Floats>> replies_;  // by place and phase
  Floats settled_;                            // by place
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LEARNERS_BILEVEL_LEARNER_H_
