// The factor on the learning rate at each job: a linear warm-up, then a curve.
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
#include <span>

#include "absl/status/statusor.h"
#include "gradloom/v1/run.pb.h"
#include "models/spec/findings.h"
#include "models/spec/numbers.h"

namespace gradloom {

// Where a job stands, behind the warm-up.
struct ScheduleTime {
  int64_t job = 0;
  int64_t warmup_jobs = 0;
  double t = 0;     // jobs since the warm-up
  double last = 1;  // t of the training's last job, 1 at least
};

// A curve's entry in the table (learning_rate_schedule.cc). To add one: its kind in run.proto's
// ScheduleSpec, a file with its entry in schedules/, and its name in the table.
struct ScheduleKind {
  v1::ScheduleSpec::Kind kind;
  // The fields that it uses beside warmup_jobs. One that it does not list is an error when given.
  std::span<const NumberField> numbers = {};
  // `spec` has its defaults and is legal.
  double (*factor)(const v1::ScheduleSpec& spec, const ScheduleTime& time) = nullptr;
};

// Sets what `spec` leaves out, as far as its kind uses it.
void FillSchedule(v1::ScheduleSpec* spec);
// Reports what is wrong with a spec that has its defaults, as "optimizer.schedule.gamma: ...".
// jobs: length of the training.
void CheckSchedule(const v1::ScheduleSpec& spec, int64_t jobs, Findings* findings);

class LearningRateSchedule {
 public:
  // Errors are those of CheckSchedule on `spec` with its defaults.
  static absl::StatusOr<LearningRateSchedule> Make(const v1::ScheduleSpec& spec, int64_t jobs);

  // job from 0.
  double Factor(int64_t job) const;

 private:
  LearningRateSchedule() = default;

  v1::ScheduleSpec spec_;
  const ScheduleKind* kind_ = nullptr;
  int64_t jobs_ = 1;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_OPTIMISERS_LEARNING_RATE_SCHEDULE_H_
