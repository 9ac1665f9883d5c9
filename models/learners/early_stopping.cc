#include "models/learners/early_stopping.h"

#include "absl/base/internal/raw_logging.h"

namespace gradloom {

EarlyStopping::Verdict EarlyStopping::Judge(const Evaluation& evaluation, int64_t jobs_done) {
  if (training_.has_target_accuracy() && evaluation.accuracy >= training_.target_accuracy()) {
    reached_ = evaluation.accuracy;
    return Verdict::kReached;
  }
  if (!patient()) return Verdict::kGoOn;
  ABSL_RAW_CHECK(evaluation.validation.has_value(), "has_validation() promises one");
  if (best_.has_value() && *evaluation.validation <= *best_) {
    ++since_best_;
    return Verdict::kGoOn;
  }
  best_ = evaluation.validation;
  best_jobs_ = jobs_done;
  since_best_ = 0;
  return Verdict::kBest;
}

void EarlyStopping::ForgetBest() {
  best_.reset();
  since_best_ = 0;
}

bool EarlyStopping::WouldEnd(End why, uint64_t since_best) const {
  switch (why) {
    case v1::LearnerProgress::LENGTH:
      return false;
    case v1::LearnerProgress::PATIENCE:
      return patient() && since_best >= training_.patience();
    case v1::LearnerProgress::TARGET:
      return training_.has_target_accuracy() && !(reached_ < training_.target_accuracy());
    default:  // an earlier version's checkpoint: by its length, if nothing else could end it
      return patient() || training_.has_target_accuracy();
  }
}

void EarlyStopping::Save(v1::LearnerProgress* progress) const {
  if (best_.has_value()) {
    progress->set_best(*best_);
    progress->set_best_view(best_jobs_);
  }
  progress->set_evaluations_since_best(since_best_);
  if (reached_.has_value()) progress->set_reached(*reached_);
}

void EarlyStopping::Load(const v1::LearnerProgress& progress) {
  best_.reset();
  if (progress.has_best()) best_ = progress.best();
  best_jobs_ = progress.best_view();
  since_best_ = progress.evaluations_since_best();
  reached_.reset();
  if (progress.has_reached()) reached_ = progress.reached();
}

}  // namespace gradloom
