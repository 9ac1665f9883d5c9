#include "coordinator/engine/checkpoint_timer.h"

#include "gtest/gtest.h"

namespace gradloom {
namespace {

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);

TEST(CheckpointTimerTest, F25_AShortRunLosesLittle) {
  CheckpointTimer timer(absl::Seconds(30));
  timer.Start(kStart);
  std::vector<double> pauses;
  absl::Time now = kStart;
  for (int i = 0; i < 7; ++i) {
    EXPECT_FALSE(timer.Due(timer.NextTimeout() - absl::Milliseconds(1)));
    pauses.push_back(absl::ToDoubleSeconds(timer.NextTimeout() - now));
    now = timer.NextTimeout();
    ASSERT_TRUE(timer.Due(now));
    timer.Begin();
    EXPECT_FALSE(timer.Due(now)) << "one at a time";
    EXPECT_EQ(timer.NextTimeout(), absl::InfiniteFuture());
    timer.Saved(now, absl::Milliseconds(1));
  }
  EXPECT_EQ(pauses, (std::vector<double>{1, 2, 4, 8, 16, 30, 30}));
}

TEST(CheckpointTimerTest, WhatIsDearIsRarer) {
  CheckpointTimer timer(absl::Seconds(30));
  timer.Start(kStart);
  timer.Begin();
  timer.Saved(kStart, absl::Seconds(5));
  EXPECT_EQ(timer.NextTimeout(), kStart + absl::Seconds(100));
}

TEST(CheckpointTimerTest, WhatIsWantedMeanwhileComesNext) {
  CheckpointTimer timer(absl::Seconds(30));
  timer.Start(kStart);
  timer.Want();
  ASSERT_TRUE(timer.Due(kStart));
  timer.Begin();
  timer.Want();
  EXPECT_FALSE(timer.Due(kStart));
  timer.Saved(kStart, absl::ZeroDuration());
  EXPECT_TRUE(timer.Due(kStart));
}

}  // namespace
}  // namespace gradloom
