// The learner of everything that descends along mean gradients: lane l owns segment l, and each of
// its jobs moves it by one step of the optimiser. Lanes may run side by side (blocks, layers) or
// one after the other (greedy layers). Segments beyond the lanes' are constants of the trial.
#ifndef GRADLOOM_MODELS_LEARNERS_GRADIENT_LEARNER_H_
#define GRADLOOM_MODELS_LEARNERS_GRADIENT_LEARNER_H_

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gradloom/v1/run.pb.h"
#include "models/learners/learner.h"
#include "models/optimisers/optimiser.h"

namespace gradloom {

class GradientLearner final : public Learner {
 public:
  // `workload` must outlive the learner. `constants`: the values of the segments beyond the lanes',
  // in order. Errors name the field, its value and what is legal.
  static absl::StatusOr<std::unique_ptr<Learner>> Make(
      const Workload& workload, const v1::TrialSpec& trial,
      std::vector<std::vector<float>> constants = {});
  // Likewise, with this optimiser in place of the trial's.
  static absl::StatusOr<std::unique_ptr<Learner>> MakeWith(
      std::unique_ptr<Optimiser> optimiser, const Workload& workload, const v1::TrialSpec& trial,
      std::vector<std::vector<float>> constants = {});

  JobOrder Next(int lane) const override;
  absl::StatusOr<AppliedJob> Apply(int lane, int64_t job, const DecodedSum& sum) override;
  std::span<const float> Values(SegmentVersion segment) const override;
  TrialView View(int64_t view) const override;
  std::vector<NamedVector> Vectors() override;

 private:
  using Floats = std::vector<float>;
  struct Lane {
    Floats values;               // at version jobs_done(lane)
    std::deque<Floats> history;  // the versions before, newest first
    std::vector<Floats> state;   // the optimiser's
  };

  GradientLearner(const Workload& workload, const v1::TrialSpec& trial, const Length& length,
                  std::unique_ptr<JobPlan> plan, std::unique_ptr<Optimiser> optimiser,
                  std::vector<Floats> constants);

  ModelCopy CopyOf(int part) const override { return {.floats = lanes_[part].values}; }
  ModelCopy SetAside(int part) override;
  ModelCopy Blank(int part) const override {
    return {.floats = Floats(lanes_[part].values.size())};
  }
  void List(int part, const std::string& name, ModelCopy& copy,
            std::vector<NamedVector>* vectors) override;
  absl::Status GoOnFromResult(int part) override;
  void SaveLane(int lane, v1::LearnerProgress::Lane* saved) const override;
  absl::Status LoadLane(int lane, const v1::LearnerProgress::Lane& saved) override;

  // What the lane's segment is for others, and for the user.
  Floats& Model(int lane);
  std::span<const float> Model(int lane) const;
  int64_t ModelVersion(int lane) const;
  // "" or ".layer-1"
  std::string Suffix(int lane) const;
  // What one pass over the sum tells: divergence before anything is changed, and the norm.
  absl::StatusOr<AppliedJob> Judge(int lane, int64_t job, double examples,
                                   const DecodedSum& sum) const;
  void Descend(int lane, int64_t job, double scale, const DecodedSum& sum);

  const std::unique_ptr<JobPlan> plan_;
  const std::unique_ptr<Optimiser> optimiser_;
  std::vector<Floats> constants_;  // not const: checkpoints fill them
  std::vector<Lane> lanes_;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LEARNERS_GRADIENT_LEARNER_H_
