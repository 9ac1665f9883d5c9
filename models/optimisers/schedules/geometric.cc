// Rates that fall by a factor gamma: every job, or every so many.
#include <cmath>

#include "models/optimisers/learning_rate_schedule.h"

namespace gradloom {
namespace {

constexpr Range kGammaRange = MoreThanUpTo(0, 1);
constexpr NumberField kOfStep[] = {
    {.name = "every", .legal = AtLeast(1), .required = true},
    {"gamma", kGammaRange, 0.1},
};
constexpr NumberField kOfExponential[] = {{"gamma", kGammaRange, 0.999}};

double Step(const v1::ScheduleSpec& spec, const ScheduleTime& time) {
  return std::pow(spec.gamma(), std::floor(time.t / static_cast<double>(spec.every())));
}

double Exponential(const v1::ScheduleSpec& spec, const ScheduleTime& time) {
  return std::pow(spec.gamma(), time.t);
}

}  // namespace

extern const ScheduleKind kStepSchedule = {
    .kind = v1::ScheduleSpec::STEP, .numbers = kOfStep, .factor = Step};
extern const ScheduleKind kExponentialSchedule = {
    .kind = v1::ScheduleSpec::EXPONENTIAL, .numbers = kOfExponential, .factor = Exponential};

}  // namespace gradloom
