#include "models/optimisers/learning_rate_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "models/optimisers/hyperparameters.h"

namespace gradloom {
namespace {

struct ScheduleKind {
  v1::ScheduleSpec::Kind kind;
  const char* name;
  bool uses_every = false;
  std::optional<double> gamma = std::nullopt;  // default; empty: unused
  bool uses_floor = false;
};

constexpr ScheduleKind kSchedules[] = {
    {v1::ScheduleSpec::CONSTANT, "constant"},
    {v1::ScheduleSpec::STEP, "step", true, 0.1},
    {v1::ScheduleSpec::EXPONENTIAL, "exponential", false, 0.999},
    {v1::ScheduleSpec::COSINE, "cosine", false, std::nullopt, true},
    {v1::ScheduleSpec::LINEAR, "linear", false, std::nullopt, true},
    {v1::ScheduleSpec::INVERSE_SQRT, "inverse_sqrt"},
};

absl::StatusOr<ScheduleKind> FindKind(v1::ScheduleSpec::Kind kind) {
  if (kind == v1::ScheduleSpec::KIND_UNSPECIFIED) kind = v1::ScheduleSpec::CONSTANT;
  std::string known;
  for (const ScheduleKind& entry : kSchedules) {
    if (entry.kind == kind) return entry;
    absl::StrAppend(&known, known.empty() ? "" : ", ", entry.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("optimizer.schedule.kind is number ",
                                                 static_cast<int>(kind), "; known: ", known));
}

absl::Status CheckUnused(const v1::ScheduleSpec& spec, const ScheduleKind& kind) {
  const auto unused = [&](absl::string_view field, double value, absl::string_view users) {
    return absl::InvalidArgumentError(absl::StrCat("optimizer.schedule.", field, " is ", value,
                                                   ", but the ", kind.name,
                                                   " schedule does not use it; used by: ", users));
  };
  if (spec.has_every() && !kind.uses_every) return unused("every", spec.every(), "step");
  if (spec.has_gamma() && !kind.gamma) return unused("gamma", spec.gamma(), "step, exponential");
  if (spec.has_floor() && !kind.uses_floor) return unused("floor", spec.floor(), "cosine, linear");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LearningRateSchedule> LearningRateSchedule::Make(const v1::ScheduleSpec& spec,
                                                                int64_t jobs) {
  if (jobs < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the training's number of jobs is ", jobs, "; legal: at least 1"));
  }
  absl::StatusOr<ScheduleKind> kind = FindKind(spec.kind());
  if (!kind.ok()) return kind.status();
  if (absl::Status status = CheckUnused(spec, *kind); !status.ok()) return status;
  if (spec.warmup_jobs() > static_cast<uint64_t>(jobs)) {
    return absl::InvalidArgumentError(
        absl::StrCat("optimizer.schedule.warmup_jobs is ", spec.warmup_jobs(),
                     "; legal: at most the training's ", jobs, " jobs"));
  }
  LearningRateSchedule schedule;
  schedule.kind_ = kind->kind;
  schedule.jobs_ = jobs;
  schedule.warmup_jobs_ = static_cast<int64_t>(spec.warmup_jobs());
  if (kind->uses_every) {
    constexpr uint64_t kLongest = uint64_t{1} << 62;
    if (spec.every() < 1 || spec.every() > kLongest) {
      return absl::InvalidArgumentError(
          absl::StrCat("optimizer.schedule.every is ",
                       spec.has_every() ? absl::StrCat(spec.every()) : "not given",
                       "; legal for the step schedule: a number of jobs from 1 to 2^62"));
    }
    schedule.every_ = static_cast<int64_t>(spec.every());
  }
  if (kind->gamma) {
    schedule.gamma_ = spec.has_gamma() ? spec.gamma() : *kind->gamma;
    if (absl::Status status = CheckRange("optimizer.schedule.gamma", schedule.gamma_,
                                         {.low = 0, .high = 1, .open_low = true});
        !status.ok()) {
      return status;
    }
  }
  if (kind->uses_floor) {
    schedule.floor_ = spec.floor();
    if (absl::Status status =
            CheckRange("optimizer.schedule.floor", schedule.floor_, {.low = 0, .high = 1});
        !status.ok()) {
      return status;
    }
  }
  return schedule;
}

double LearningRateSchedule::Factor(int64_t job) const {
  job = std::clamp<int64_t>(job, 0, jobs_ - 1);
  if (job < warmup_jobs_) return static_cast<double>(job + 1) / static_cast<double>(warmup_jobs_);
  const auto t = static_cast<double>(job - warmup_jobs_);
  // A single job after the warm-up runs at the full rate.
  const auto last = static_cast<double>(std::max<int64_t>(jobs_ - warmup_jobs_ - 1, 1));
  switch (kind_) {
    case v1::ScheduleSpec::STEP:
      return std::pow(gamma_, std::floor(t / static_cast<double>(every_)));
    case v1::ScheduleSpec::EXPONENTIAL:
      return std::pow(gamma_, t);
    case v1::ScheduleSpec::COSINE:
      return floor_ + (1 - floor_) * (1 + std::cos(std::numbers::pi * t / last)) / 2;
    case v1::ScheduleSpec::LINEAR:
      return floor_ + (1 - floor_) * (1 - t / last);
    case v1::ScheduleSpec::INVERSE_SQRT:
      return std::sqrt(static_cast<double>(std::max<int64_t>(warmup_jobs_, 1)) /
                       static_cast<double>(job + 1));
    default:
      return 1;
  }
}

}  // namespace gradloom
