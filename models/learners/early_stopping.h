// When evaluations end a training before its length does: a target reached, or patience exhausted.
// Numbers only: what becomes of the model is the learner's. Not thread-safe.
#ifndef GRADLOOM_MODELS_LEARNERS_EARLY_STOPPING_H_
#define GRADLOOM_MODELS_LEARNERS_EARLY_STOPPING_H_

#include <cstdint>
#include <optional>

#include "gradloom/v1/checkpoint.pb.h"
#include "gradloom/v1/run.pb.h"
#include "models/workloads/workload.h"

namespace gradloom {

class EarlyStopping {
 public:
  using End = v1::LearnerProgress::End;

  explicit EarlyStopping(const v1::TrainingSpec& training) : training_(training) {}

  // With patience, the best state counts, so a training ends at an evaluation only.
  bool patient() const { return training_.patience() > 0; }

  enum class Verdict { kGoOn, kBest, kReached };
  // Takes note of the evaluation of a state after `jobs_done` jobs. kReached: the target is;
  // nothing else was noted. kBest: no state was as good before.
  Verdict Judge(const Evaluation& evaluation, int64_t jobs_done);
  bool exhausted() const { return patient() && since_best_ >= training_.patience(); }
  int64_t best_jobs() const { return best_jobs_; }  // done by the best state
  uint64_t since_best() const { return since_best_; }
  bool knows_best() const { return patient() && best_.has_value(); }

  // Of validations; of the target.
  void ForgetBest();
  void ForgetTarget() { reached_.reset(); }

  // Whether what ended a part (so many evaluations after its best) would end it now.
  bool WouldEnd(End why, uint64_t since_best) const;

  void Save(v1::LearnerProgress* progress) const;
  void Load(const v1::LearnerProgress& progress);

 private:
  const v1::TrainingSpec training_;
  std::optional<double> best_;  // validation
  int64_t best_jobs_ = 0;
  uint64_t since_best_ = 0;        // evaluations
  std::optional<double> reached_;  // the accuracy that met the target
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LEARNERS_EARLY_STOPPING_H_
