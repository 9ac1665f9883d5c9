// Rates that are at `floor` at the training's last job.
#include <cmath>
#include <numbers>

#include "models/optimisers/learning_rate_schedule.h"

namespace gradloom {
namespace {

constexpr NumberField kNumbers[] = {{"floor", Within(0, 1), 0}};

double Cosine(const v1::ScheduleSpec& spec, const ScheduleTime& time) {
  const double floor = spec.floor();
  return floor + (1 - floor) * (1 + std::cos(std::numbers::pi * time.t / time.last)) / 2;
}

double Linear(const v1::ScheduleSpec& spec, const ScheduleTime& time) {
  const double floor = spec.floor();
  return floor + (1 - floor) * (1 - time.t / time.last);
}

}  // namespace

extern const ScheduleKind kCosineSchedule = {
    .kind = v1::ScheduleSpec::COSINE, .numbers = kNumbers, .factor = Cosine};
extern const ScheduleKind kLinearSchedule = {
    .kind = v1::ScheduleSpec::LINEAR, .numbers = kNumbers, .factor = Linear};

}  // namespace gradloom
