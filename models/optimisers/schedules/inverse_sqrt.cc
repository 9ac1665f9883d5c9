#include <algorithm>
#include <cmath>

#include "models/optimisers/learning_rate_schedule.h"

namespace gradloom {
namespace {

double Factor(const v1::ScheduleSpec& /*spec*/, const ScheduleTime& time) {
  return std::sqrt(static_cast<double>(std::max<int64_t>(time.warmup_jobs, 1)) /
                   static_cast<double>(time.job + 1));
}

}  // namespace

extern const ScheduleKind kInverseSqrtSchedule = {.kind = v1::ScheduleSpec::INVERSE_SQRT,
                                                  .factor = Factor};

}  // namespace gradloom
