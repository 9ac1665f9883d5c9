#include "models/learners/training_length.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace gradloom {

absl::StatusOr<int64_t> JobsOf(const v1::TrainingSpec& training, const JobPlan& plan) {
  const auto per_epoch = static_cast<double>(plan.jobs_per_epoch());
  const double jobs = training.has_jobs() ? static_cast<double>(training.jobs())
                                          : std::ceil(training.epochs() * per_epoch);
  if (jobs <= static_cast<double>(kMaxJobs)) return static_cast<int64_t>(jobs);
  return absl::InvalidArgumentError(
      absl::StrCat("training.", training.has_jobs() ? "jobs" : "epochs", ": ", jobs,
                   " jobs, an epoch has ", per_epoch, "; legal are up to ", kMaxJobs));
}

int64_t EvaluateEvery(const v1::TrainingSpec& training, const JobPlan& plan) {
  return training.has_evaluate_every() ? static_cast<int64_t>(training.evaluate_every())
                                       : plan.jobs_per_epoch();
}

absl::Status CheckLength(uint64_t jobs_done, int64_t jobs) {
  if (jobs_done <= static_cast<uint64_t>(jobs)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("training: its length is ", jobs, " jobs, but ",
                                          jobs_done, " have been done already; legal are ",
                                          jobs_done, " and more"));
}

}  // namespace gradloom
