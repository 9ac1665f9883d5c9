#include "models/optimisers/learning_rate_schedule.h"

namespace gradloom {

extern const ScheduleKind kConstantSchedule = {
    .kind = v1::ScheduleSpec::CONSTANT,
    .factor = [](const v1::ScheduleSpec& /*spec*/, const ScheduleTime& /*time*/) { return 1.0; }};

}  // namespace gradloom
