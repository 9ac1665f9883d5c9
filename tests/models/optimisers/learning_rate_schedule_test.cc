#include "models/optimisers/learning_rate_schedule.h"

#include <cmath>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;
using Spec = v1::ScheduleSpec;

LearningRateSchedule Make(const Spec& spec, int64_t jobs) {
  absl::StatusOr<LearningRateSchedule> schedule = LearningRateSchedule::Make(spec, jobs);
  EXPECT_TRUE(schedule.ok()) << schedule.status();
  return *schedule;
}

Spec Of(Spec::Kind kind, uint64_t warmup_jobs = 0) {
  Spec spec;
  spec.set_kind(kind);
  spec.set_warmup_jobs(warmup_jobs);
  return spec;
}

TEST(ScheduleTest, ConstantIsTheDefault) {
  for (const int64_t job : {0, 3, 99}) EXPECT_EQ(Make(Spec(), 100).Factor(job), 1);
}

TEST(ScheduleTest, WarmupRisesLinearlyToOneForEveryKind) {
  for (const Spec::Kind kind : {Spec::CONSTANT, Spec::STEP, Spec::EXPONENTIAL, Spec::COSINE,
                                Spec::LINEAR, Spec::INVERSE_SQRT}) {
    Spec spec = Of(kind, 4);
    if (kind == Spec::STEP) spec.set_every(10);
    const LearningRateSchedule schedule = Make(spec, 100);
    EXPECT_DOUBLE_EQ(schedule.Factor(0), 0.25);
    EXPECT_DOUBLE_EQ(schedule.Factor(1), 0.5);
    EXPECT_DOUBLE_EQ(schedule.Factor(3), 1);
    EXPECT_NEAR(schedule.Factor(4), 1, 0.12) << Spec::Kind_Name(kind);
    EXPECT_LE(schedule.Factor(4), 1) << Spec::Kind_Name(kind);
  }
}

TEST(ScheduleTest, StepDropsEverySoManyJobs) {
  Spec spec = Of(Spec::STEP, 2);
  spec.set_every(3);
  const LearningRateSchedule schedule = Make(spec, 20);
  EXPECT_DOUBLE_EQ(schedule.Factor(2), 1);
  EXPECT_DOUBLE_EQ(schedule.Factor(4), 1);
  EXPECT_DOUBLE_EQ(schedule.Factor(5), 0.1);
  EXPECT_DOUBLE_EQ(schedule.Factor(8), 0.01);
}

TEST(ScheduleTest, ExponentialDropsEveryJob) {
  const LearningRateSchedule schedule = Make(Of(Spec::EXPONENTIAL), 2000);
  EXPECT_DOUBLE_EQ(schedule.Factor(0), 1);
  EXPECT_DOUBLE_EQ(schedule.Factor(1), 0.999);
  EXPECT_NEAR(schedule.Factor(1000), std::pow(0.999, 1000), 1e-12);
}

TEST(ScheduleTest, CosineAndLinearReachTheFloorAtTheLastJob) {
  for (const Spec::Kind kind : {Spec::COSINE, Spec::LINEAR}) {
    Spec spec = Of(kind, 10);
    spec.set_floor(0.2);
    const LearningRateSchedule schedule = Make(spec, 111);
    EXPECT_DOUBLE_EQ(schedule.Factor(10), 1);
    EXPECT_NEAR(schedule.Factor(60), 0.6, 1e-12);
    EXPECT_NEAR(schedule.Factor(110), 0.2, 1e-12);
    EXPECT_EQ(schedule.Factor(500), schedule.Factor(110));
    for (int64_t job = 11; job < 111; ++job) {
      EXPECT_LT(schedule.Factor(job), schedule.Factor(job - 1));
    }
  }
  // A quarter of the way tells the two curves apart.
  EXPECT_NEAR(Make(Of(Spec::COSINE), 101).Factor(25), (1 + std::sqrt(0.5)) / 2, 1e-12);
  EXPECT_NEAR(Make(Of(Spec::LINEAR), 101).Factor(25), 0.75, 1e-12);
}

TEST(ScheduleTest, InverseSqrt) {
  const LearningRateSchedule schedule = Make(Of(Spec::INVERSE_SQRT, 100), 10000);
  EXPECT_DOUBLE_EQ(schedule.Factor(399), 0.5);
  EXPECT_DOUBLE_EQ(schedule.Factor(9999), 0.1);
  EXPECT_DOUBLE_EQ(Make(Of(Spec::INVERSE_SQRT), 100).Factor(3), 0.5);
}

TEST(ScheduleTest, ShortTrainingsStayFinite) {
  for (const Spec::Kind kind : {Spec::COSINE, Spec::LINEAR, Spec::INVERSE_SQRT}) {
    EXPECT_EQ(Make(Of(kind), 1).Factor(0), 1);
    EXPECT_EQ(Make(Of(kind, 5), 5).Factor(4), 1);
  }
}

std::string Error(const Spec& spec, int64_t jobs = 100) {
  const absl::StatusOr<LearningRateSchedule> schedule = LearningRateSchedule::Make(spec, jobs);
  EXPECT_EQ(schedule.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(schedule.status().message());
}

TEST(ScheduleTest, ErrorsNameFieldValueAndWhatIsLegal) {
  EXPECT_EQ(Error(Of(Spec::STEP)), "optimizer.schedule.every: is missing; it must be 1 or more");
  Spec step = Of(Spec::STEP);
  step.set_every(0);
  EXPECT_THAT(Error(step), HasSubstr("optimizer.schedule.every: 0 is not legal;"));
  step.set_every(5);
  step.set_gamma(1.5);
  EXPECT_EQ(Error(step),
            "optimizer.schedule.gamma: 1.5 is not legal; it must be more than 0 and at most 1");
  Spec cosine = Of(Spec::COSINE);
  cosine.set_floor(-0.25);
  EXPECT_EQ(Error(cosine), "optimizer.schedule.floor: -0.25 is not legal; it must be from 0 to 1");
  EXPECT_EQ(Error(Of(Spec::LINEAR, 101)),
            "optimizer.schedule.warmup_jobs: 101 is not legal; it must be at most the training's "
            "100 jobs");
  EXPECT_EQ(
      Error(Of(static_cast<Spec::Kind>(42))),
      "optimizer.schedule.kind: 42 is not legal; it must be one of: constant, step, exponential, "
      "cosine, linear, inverse_sqrt");
}

TEST(ScheduleTest, AFieldTheKindDoesNotUseIsAnError) {
  Spec spec = Of(Spec::COSINE);
  spec.set_gamma(0.5);
  EXPECT_EQ(Error(spec),
            "optimizer.schedule.gamma: 0.5 is given, but cosine does not use it, only step, "
            "exponential; cosine uses: warmup_jobs, floor");
  spec.Clear();
  spec.set_every(5);
  EXPECT_THAT(Error(spec),
              HasSubstr("but constant does not use it, only step; constant uses: warmup_jobs"));
  spec.Clear();
  spec.set_kind(Spec::STEP);
  spec.set_every(5);
  spec.set_floor(0.1);
  EXPECT_THAT(Error(spec), HasSubstr("only cosine, linear"));
}

}  // namespace
}  // namespace gradloom
