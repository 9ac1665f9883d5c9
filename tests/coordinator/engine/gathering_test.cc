#include "coordinator/engine/gathering.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);

TEST(GatheringTest, StartsAsSoonAsAllThatAreExpectedAreReady) {
  Gathering gathering({.expected = 2}, kStart);
  gathering.Ready(1, "a", "v3", kStart);
  EXPECT_FALSE(gathering.Judge(kStart).start);
  gathering.Ready(2, "b", "v3", kStart);
  EXPECT_TRUE(gathering.Judge(kStart).start);
}

TEST(GatheringTest, F02_WithoutAnExpectationTheFleetGathersUntilNobodyHasComeForAWhile) {
  Gathering gathering({.min_workers = 2}, kStart);
  absl::Time now = kStart + absl::Minutes(5);  // submitted long before its workers come
  EXPECT_FALSE(gathering.Judge(now).start);
  for (WorkerId worker = 1; worker <= 6; ++worker) {
    now += absl::Seconds(4);
    gathering.Offered(worker, "w", now);
    gathering.Ready(worker, "w", "v3", now);
    EXPECT_FALSE(gathering.Judge(now).start) << worker;
  }
  const Gathering::Verdict waiting = gathering.Judge(now);
  EXPECT_EQ(waiting.ask_again, now + absl::Seconds(10));
  EXPECT_THAT(waiting.waiting_for, HasSubstr("6 ready"));
  EXPECT_THAT(waiting.waiting_for, HasSubstr("fleet.gather"));
  EXPECT_TRUE(gathering.Judge(waiting.ask_again).start);
  EXPECT_EQ(gathering.Fit().size(), 6u);
}

TEST(GatheringTest, F02_NeverStartsOnOneWorkerByAccident) {
  Gathering gathering({.min_workers = 2}, kStart);
  gathering.Ready(1, "a", "v3", kStart);
  const Gathering::Verdict verdict = gathering.Judge(kStart + absl::Hours(10));
  EXPECT_FALSE(verdict.start);
  EXPECT_THAT(verdict.waiting_for, HasSubstr("1 ready, at least 2 are needed (fleet.min_workers)"));
}

TEST(GatheringTest, AFleetThatIsThereAlreadyNeedsOnlyToAnswer) {
  Gathering gathering({.min_workers = 2}, kStart);
  for (WorkerId worker = 1; worker <= 3; ++worker) gathering.Offered(worker, "w", kStart);
  const absl::Time now = kStart + absl::Seconds(12);
  gathering.Ready(1, "w", "v3", now);
  gathering.Ready(2, "w", "v3", now);
  EXPECT_FALSE(gathering.Judge(now).start) << "the third is opening its data";
  gathering.Ready(3, "w", "v3", now);
  EXPECT_TRUE(gathering.Judge(now).start);
}

TEST(GatheringTest, AWorkerThatSaysNothingIsNotWaitedForForEver) {
  Gathering gathering({.min_workers = 2}, kStart);
  gathering.Offered(3, "mute", kStart);
  gathering.Ready(1, "a", "v3", kStart);
  gathering.Ready(2, "b", "v3", kStart);
  absl::Time now = kStart;
  while (!gathering.Judge(now).start) {
    ASSERT_LT(gathering.Judge(now).ask_again, absl::InfiniteFuture());
    ASSERT_GT(gathering.Judge(now).ask_again, now);
    now = gathering.Judge(now).ask_again;
  }
  EXPECT_EQ(now, kStart + absl::Seconds(20));
}

TEST(GatheringTest, F18_AWorkerWithoutTheDataFailsNobodysRun) {
  Gathering gathering({.expected = 3, .min_workers = 2}, kStart);
  gathering.Unfit(1, "bad", "no such file");
  EXPECT_EQ(gathering.Judge(kStart).failure, "");
  EXPECT_THAT(gathering.Judge(kStart).waiting_for, HasSubstr("worker bad cannot serve the run"));
  gathering.Ready(2, "b", "v3", kStart);
  gathering.Ready(3, "c", "v3", kStart);
  const Gathering::Verdict verdict = gathering.Judge(kStart + absl::Seconds(10));
  EXPECT_TRUE(verdict.start) << "without it";
}

TEST(GatheringTest, F18_WhereNobodyOfAllThatAreExpectedCanServeTheRunItFails) {
  Gathering gathering({.expected = 2, .min_workers = 2}, kStart);
  gathering.Unfit(1, "a", "no such file");
  EXPECT_EQ(gathering.Judge(kStart).failure, "");
  gathering.Unfit(2, "b", "no such file");
  EXPECT_EQ(gathering.Judge(kStart).failure, "worker a cannot serve the run: no such file");
}

TEST(GatheringTest, WhoeverHasLeftIsNotWaitedFor) {
  Gathering gathering({.min_workers = 1}, kStart);
  gathering.Offered(1, "a", kStart);
  gathering.Ready(2, "b", "v3", kStart);
  gathering.Gone(1);
  EXPECT_TRUE(gathering.Judge(kStart + absl::Seconds(10)).start);
}

TEST(GatheringTest, F20_ANewcomersLevelDecidesNothing) {
  Gathering gathering({.min_workers = 2}, kStart);
  gathering.Ready(1, "first", "v4", kStart);
  gathering.Ready(2, "b", "v3", kStart);
  gathering.Ready(3, "c", "v3", kStart);
  EXPECT_EQ(gathering.isa(), "v3");
  EXPECT_EQ(gathering.Fit().size(), 2u);
  ASSERT_EQ(gathering.OfOtherLevels().size(), 1u);
  EXPECT_EQ(gathering.OfOtherLevels()[0].name, "first");
}

TEST(GatheringTest, F20_TheRunsOwnLevelHolds) {
  Gathering gathering({.min_workers = 1, .isa = "v2"}, kStart);
  gathering.Ready(1, "a", "v4", kStart);
  EXPECT_FALSE(gathering.Judge(kStart + absl::Minutes(1)).start);
  gathering.Ready(2, "b", "v2", kStart);
  EXPECT_TRUE(gathering.Judge(kStart + absl::Minutes(1)).start);
  EXPECT_EQ(gathering.isa(), "v2");
}

}  // namespace
}  // namespace gradloom
