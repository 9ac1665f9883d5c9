// The factor on the learning rate at each job: a linear warm-up, then one of the curves below.
// With W warm-up jobs and J jobs in all, and t = job - W:
//   warm-up (job < W)  (job + 1) / W
//   constant           1
//   step               gamma ^ floor(t / every)
//   exponential        gamma ^ t
//   cosine             floor + (1 - floor) (1 + cos(pi t / (J - W - 1))) / 2
//   linear             floor + (1 - floor) (1 - t / (J - W - 1))
//   inverse_sqrt       sqrt(max(W, 1) / (job + 1))          (Vaswani et al. 2017, equation 3)
// So cosine and linear start at 1 and are at `floor` at the last job; jobs past the end keep the
// last value. Immutable, thread-safe.
#ifndef GRADLOOM_MODELS_OPTIMISERS_LEARNING_RATE_SCHEDULE_H_
#define GRADLOOM_MODELS_OPTIMISERS_LEARNING_RATE_SCHEDULE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

class LearningRateSchedule {
 public:
  // jobs: length of the training. InvalidArgument names the field ("optimizer.schedule.gamma"), the
  // value and what is legal; a field that the kind does not use is an error as well.
  static absl::StatusOr<LearningRateSchedule> Make(const v1::ScheduleSpec& spec, int64_t jobs);

  // job from 0.
  double Factor(int64_t job) const;

 private:
  LearningRateSchedule() = default;

  v1::ScheduleSpec::Kind kind_ = v1::ScheduleSpec::CONSTANT;
  int64_t jobs_ = 1;
  int64_t warmup_jobs_ = 0;
  int64_t every_ = 1;
  double gamma_ = 1;
  double floor_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_OPTIMISERS_LEARNING_RATE_SCHEDULE_H_
