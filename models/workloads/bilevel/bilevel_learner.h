// The coordinator's side of a bilevel trial: holds a step's replies until all its places are
// settled, then ends the step in place order (Bsvrb), so that the order of arrival cannot matter.
//
// Evaluation: loss is the mean over blocks of f_i(x, y_i), and accuracy the fraction of rows that
// the blocks' models classify rightly, on all validation rows; with test data (and a problem that
// reads data), both are of every block's model on all of it.
#ifndef GRADLOOM_MODELS_WORKLOADS_BILEVEL_BILEVEL_LEARNER_H_
#define GRADLOOM_MODELS_WORKLOADS_BILEVEL_BILEVEL_LEARNER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/workloads/bilevel/bilevel_workload.h"
#include "models/workloads/learner.h"

namespace gradloom {

class BilevelLearner final : public Learner {
 public:
  // `workload` must outlive the learner. Errors name the field, its value and what is legal.
  static absl::StatusOr<std::unique_ptr<BilevelLearner>> Make(const BilevelWorkload& workload,
                                                              const v1::TrialSpec& trial,
                                                              const Dataset& train);

  LaneProgress progress(int lane) const override;
  std::vector<SegmentVersion> Reads(int lane) const override;
  absl::StatusOr<AppliedJob> Apply(int lane, int64_t job, const DecodedSum& sum) override;
  // The rest of the lane's step is given up with the job: its blocks count as unsampled in this
  // step, and the lane is where it would be had the step's jobs been applied.
  absl::StatusOr<std::optional<int64_t>> ApplyMissing(int lane, int64_t job) override;
  absl::Status ApplyLate(int lane, int64_t job, const DecodedSum& sum) override;
  std::span<const float> Values(SegmentVersion segment) const override;
  std::vector<int64_t> DueViews() const override;
  absl::StatusOr<Evaluation> Evaluate(int64_t view, const Examples* test) const override;
  Evaluator EvaluatorOf(int64_t view) const override;
  void Evaluated(int64_t view, const Evaluation& evaluation) override;
  v1::LearnerProgress SaveProgress() const override;
  absl::Status LoadProgress(const v1::LearnerProgress& progress) override;
  std::vector<NamedVector> Vectors() override;
  absl::Status GoOn() override;
  void StartFromParameters() override;

  const Bsvrb& state() const { return state_; }

 private:
  using Floats = std::vector<float>;
  // Of a place, in this step; floats, as all that is in a checkpoint.
  static constexpr float kOpen = 0, kArrived = 1, kMissing = 2;
  struct Model {
    std::vector<double> x, y;
  };
  struct Result {
    Model view;
    int64_t jobs_done = 0;  // that count
  };

  BilevelLearner(const BilevelWorkload& workload, const v1::TrialSpec& trial, int64_t jobs,
                 Examples rows);

  int phases() const { return plan_.lanes.phases; }
  // Reads a lane's reply; OutOfRange unless it is finite.
  absl::StatusOr<Floats> ReadFinite(int lane, const DecodedSum& sum) const;
  BlockReply ReplyAt(int place) const;
  void SolveForSecondPhase(int place);
  Model NewView() const;
  // Ends the trial with a view.
  void End(v1::LearnerProgress::End why, int64_t view);
  // Ends the step if all lanes have done its jobs; the view that is due, if any.
  std::optional<int64_t> EndStepIfSettled();
  // Writes the sampled blocks and x, as of the new step, for workers to read.
  void Publish();
  void PublishPlace(int place, const BilevelPoint& now, const BilevelPoint& before);
  Evaluation EvaluateOn(const Model& view, int block, const Examples* test) const;
  absl::StatusOr<Evaluation> EvaluateAll(const Model& view, const Examples* test) const;

  const BilevelWorkload& workload_;
  const BilevelPlan& plan_;
  const v1::TrainingSpec training_;
  const uint64_t seed_;
  const int64_t jobs_;  // of a lane
  const int64_t evaluate_every_;
  const Examples rows_;  // those of the problem
  Bsvrb state_;
  std::vector<int64_t> jobs_done_;  // by lane
  // The model that the trial ended with. The state goes no further, and stays as it is: what it
  // catches up with in one go, it must not catch up with in two, to have the same bits.
  std::optional<Result> result_;
  v1::LearnerProgress::End ended_ = v1::LearnerProgress::END_UNSPECIFIED;
  std::optional<double> reached_;             // the accuracy that met the target
  std::vector<int> blocks_;                   // the step's, by place
  std::vector<Floats> segments_;              // what workers read
  std::vector<std::vector<Floats>> replies_;  // by place and phase
  Floats settled_;                            // by place
  std::map<int64_t, Model> views_;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_BILEVEL_BILEVEL_LEARNER_H_
