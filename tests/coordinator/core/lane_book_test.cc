#include "coordinator/core/lane_book.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using State = LaneBook::State;
const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);

TEST(LaneBookTest, AJobsWay) {
  LaneBook lanes(std::vector<LanePlan>{{.jobs = 2}});
  EXPECT_TRUE(lanes.MayBegin(0));
  EXPECT_EQ(lanes.next_start(0), 0);
  lanes.Begin(0, 7, kStart);
  EXPECT_EQ(lanes.state(0), State::kInFlight);
  EXPECT_EQ(lanes.weave(0), 7);
  EXPECT_EQ(lanes.next_start(0), 1);
  EXPECT_FALSE(lanes.MayBegin(0));
  EXPECT_FALSE(lanes.Accept(0)) << "in time";
  EXPECT_TRUE(lanes.AnyEffect());
  EXPECT_TRUE(lanes.AnyApplying(7));
  EXPECT_FALSE(lanes.AnyApplying(6));
  EXPECT_TRUE(lanes.Applied(0));
  EXPECT_EQ(lanes.next_job(0), 1);
  EXPECT_FALSE(lanes.AnyEffect());
  lanes.Begin(0, 7, kStart);
  lanes.Accept(0);
  lanes.Applied(0);
  EXPECT_TRUE(lanes.AllDone());
  EXPECT_FALSE(lanes.Applied(0)) << "nothing was being applied";
}

TEST(LaneBookTest, WaitsForWhatItNeeds) {
  LaneBook lanes({{.jobs = 3},
                  {.jobs = 3, .needs = {{.lane = 0, .lag = 0}}},
                  {.jobs = 3, .needs = {{.lane = 0, .finished = true}}}});
  EXPECT_TRUE(lanes.MayBegin(0));
  EXPECT_TRUE(lanes.MayBegin(1)) << "job 0 needs 0 jobs of lane 0";
  EXPECT_FALSE(lanes.MayBegin(2));
  lanes.Begin(0, 0, kStart);
  EXPECT_TRUE(lanes.Moves(2)) << "it waits for a lane that moves";
  lanes.Finish(0);
  EXPECT_TRUE(lanes.MayBegin(2));
}

TEST(LaneBookTest, PausesUntilToldOtherwise) {
  LaneBook lanes(std::vector<LanePlan>{{.jobs = 3, .pause_at = 0}});
  EXPECT_FALSE(lanes.MayBegin(0));
  lanes.PauseAt({1});
  EXPECT_TRUE(lanes.MayBegin(0));
  lanes.PauseAt({0});
  EXPECT_FALSE(lanes.MayBegin(0));
  lanes.PauseAt({});
  EXPECT_TRUE(lanes.MayBegin(0));
}

TEST(LaneBookTest, MissesWhatIsNotDecodedInTime) {
  LaneBook lanes(std::vector<LanePlan>{{.jobs = 3, .give_up = absl::Seconds(5)}});
  lanes.Begin(0, 0, kStart);
  EXPECT_EQ(lanes.NextMiss(absl::InfinitePast()), kStart + absl::Seconds(5));
  EXPECT_EQ(lanes.NextMiss(kStart + absl::Seconds(1)), kStart + absl::Seconds(6))
      << "without a worker time does not count";
  EXPECT_FALSE(lanes.Overdue(0, kStart + absl::Seconds(4), absl::InfinitePast()));
  EXPECT_TRUE(lanes.Overdue(0, kStart + absl::Seconds(5), absl::InfinitePast()));
  EXPECT_TRUE(lanes.Miss(0)) << "what is in flight is of no use";
  EXPECT_TRUE(lanes.AnyEffect());
  EXPECT_TRUE(lanes.Missed(0, 1, kStart + absl::Seconds(5)));
  EXPECT_FALSE(lanes.AnyEffect());
}

// A run that is told to stop waits for effects: for one that nobody waits for any more, for ever.
TEST(LaneBookTest, AMissOfALaneThatAnotherHasEndedIsAwaitedNoLonger) {
  LaneBook lanes(std::vector<LanePlan>{{.jobs = 3, .give_up = absl::Seconds(5), .late = true}});
  lanes.Begin(0, 0, kStart);
  lanes.Miss(0);
  lanes.Finish(0);
  EXPECT_TRUE(lanes.AnyEffect());
  EXPECT_FALSE(lanes.Missed(0, 1, kStart)) << "it has been ended";
  EXPECT_FALSE(lanes.AnyEffect());
}

TEST(LaneBookTest, ALateJobIsHopelessAfterTenTimesAsLong) {
  LaneBook lanes(std::vector<LanePlan>{{.jobs = 30, .give_up = absl::Seconds(1), .late = true}});
  lanes.Begin(0, 0, kStart);
  EXPECT_FALSE(lanes.Miss(0)) << "it goes on";
  lanes.Missed(0, 1, kStart);
  EXPECT_FALSE(lanes.Hopeless(0, kStart + absl::Seconds(10), absl::InfinitePast()));
  EXPECT_TRUE(lanes.Hopeless(0, kStart + absl::Seconds(11), absl::InfinitePast()));
  EXPECT_TRUE(lanes.Accept(0)) << "late";
  EXPECT_TRUE(lanes.Applied(0));
  EXPECT_EQ(lanes.next_job(0), 1) << "the missed job was counted already";
}

}  // namespace
}  // namespace gradloom
