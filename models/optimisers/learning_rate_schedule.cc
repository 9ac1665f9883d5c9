#include "models/optimisers/learning_rate_schedule.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "models/spec/own_fields.h"

namespace gradloom {

// Each is defined in schedules/.
extern const ScheduleKind kConstantSchedule, kStepSchedule, kExponentialSchedule, kCosineSchedule,
    kLinearSchedule, kInverseSqrtSchedule;

namespace {

// Every curve.
constexpr const ScheduleKind* kTable[] = {
    &kConstantSchedule, &kStepSchedule,   &kExponentialSchedule,
    &kCosineSchedule,   &kLinearSchedule, &kInverseSqrtSchedule,
};
constexpr std::span<const ScheduleKind* const> kSchedules = kTable;
constexpr v1::ScheduleSpec::Kind kDefaultKind = v1::ScheduleSpec::CONSTANT;

constexpr const char* kShared[] = {"warmup_jobs"};

}  // namespace

void FillSchedule(v1::ScheduleSpec* spec) {
  if (spec->kind() == v1::ScheduleSpec::KIND_UNSPECIFIED) spec->set_kind(kDefaultKind);
  const ScheduleKind* kind = FindKindOf(kSchedules, spec->kind());
  if (kind != nullptr) FillNumbers(kind->numbers, spec);
}

void CheckSchedule(const v1::ScheduleSpec& spec, int64_t jobs, Findings* findings) {
  const std::string field = "optimizer.schedule";
  findings->Require(jobs >= 1, "training: number of jobs", jobs, "1 or more");
  CheckEnums(spec, field, findings);
  if (const ScheduleKind* kind = FindKindOf(kSchedules, spec.kind()); kind != nullptr) {
    CheckNumbers(kind->numbers, spec, field, findings);
    CheckUnused(kSchedules, kShared, spec, field, findings);
  }
  findings->Require(jobs < 1 || spec.warmup_jobs() <= static_cast<uint64_t>(jobs),
                    field + ".warmup_jobs", spec.warmup_jobs(),
                    absl::StrCat("at most the training's ", jobs, " jobs"));
}

absl::StatusOr<LearningRateSchedule> LearningRateSchedule::Make(const v1::ScheduleSpec& spec,
                                                                int64_t jobs) {
  LearningRateSchedule schedule;
  schedule.spec_ = spec;
  schedule.jobs_ = jobs;
  FillSchedule(&schedule.spec_);
  Findings findings;
  CheckSchedule(schedule.spec_, jobs, &findings);
  if (absl::Status status = findings.status(); !status.ok()) return status;
  schedule.kind_ = FindKindOf(kSchedules, schedule.spec_.kind());
  return schedule;
}

double LearningRateSchedule::Factor(int64_t job) const {
  const auto warmup_jobs = static_cast<int64_t>(spec_.warmup_jobs());
  job = std::clamp<int64_t>(job, 0, jobs_ - 1);
  if (job < warmup_jobs) return static_cast<double>(job + 1) / static_cast<double>(warmup_jobs);
  // A single job after the warm-up runs at the full rate.
  const auto last = static_cast<double>(std::max<int64_t>(jobs_ - warmup_jobs - 1, 1));
  return kind_->factor(spec_, {.job = job,
                               .warmup_jobs = warmup_jobs,
                               .t = static_cast<double>(job - warmup_jobs),
                               .last = last});
}

}  // namespace gradloom
