#include "coordinator/tuning/fleet_recorder.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "models/random.h"

namespace gradloom {
namespace {

constexpr int kSlots = 128;

// Exponential on top of a second, and 4 s per unit of load.
double Drawn(RandomStream& random, double load) {
  return 1 - 0.2 * std::log(1 - random.NextUniform()) + 4 * load;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

TEST(FleetRecorderTest, TellsWhatLoadCosts) {
  RandomStream random(1, Purpose::kResample);
  FleetRecorder recorder(kSlots, 16);
  for (int round = 0; round < 3; ++round) {
    for (int slot = 0; slot < kSlots; ++slot) {
      const double load = slot % 2 == 0 ? 0.05 : 0.15;
      recorder.Observe({slot, load, Drawn(random, load), false});
    }
  }
  ASSERT_TRUE(recorder.Slope().has_value());
  EXPECT_NEAR(*recorder.Slope(), 4, 0.4);
  const FleetProfile profile = recorder.Profile(16, 1);
  EXPECT_EQ(profile.rows, 16);
  EXPECT_NEAR(Median(profile.fixed_seconds), 1 + 0.2 * std::log(2.0), 0.05);
}

TEST(FleetRecorderTest, TellsLoadFromReplies) {
  RandomStream random(4, Purpose::kResample);
  FleetRecorder recorder(kSlots, 16);
  for (int slot = 0; slot < kSlots; ++slot) {
    // Chunks of 0.05 at 4 s a unit of load, 0.3 s more a reply; every tenth slot pauses for long.
    InvocationObserved observed{slot, 0, 0};
    double now = 1 - 0.2 * std::log(1 - random.NextUniform());
    for (int reply = 0; reply < 1 + slot % 4; ++reply) {
      now += 0.05 * 4 + 0.3 + (slot % 10 == 3 ? 5 : 0);
      observed.Reply(0.05, 0.05 * 4, now);
    }
    recorder.Observe(observed);
  }
  ASSERT_TRUE(recorder.Slope().has_value());
  EXPECT_NEAR(*recorder.Slope(), 4, 1e-9);
  EXPECT_NEAR(recorder.SlopeError(), 0, 1e-9);
  EXPECT_NEAR(recorder.ReplySeconds(), 0.3, 1e-9);
  const FleetProfile profile = recorder.Profile(4, 1);
  EXPECT_NEAR(profile.reply_seconds, 0.3, 1e-9);
  EXPECT_NEAR(Median(profile.fixed_seconds), 1 + 0.2 * std::log(2.0), 0.1);
  EXPECT_NEAR(recorder.load_max(), 0.2, 1e-9) << "what a slot computed in all";
}

TEST(FleetRecorderTest, SlowFirstRoundsAreNotTakenForLoad) {
  RandomStream random(2, Purpose::kResample);
  FleetRecorder recorder(kSlots, 16);
  for (int round = 0; round < 4; ++round) {
    for (int slot = 0; slot < kSlots; ++slot) {
      // All loads fall from round to round, as does everything else.
      const double load = (slot % 2 == 0 ? 0.05 : 0.1) / (round + 1);
      recorder.Observe({slot, load, Drawn(random, load) + 3.0 / (round + 1), false});
    }
  }
  EXPECT_NEAR(*recorder.Slope(), 4, 1.2);
}

TEST(FleetRecorderTest, CutInvocationsAreNotTakenForFast) {
  RandomStream random(3, Purpose::kResample);
  FleetRecorder recorder(kSlots, 16);
  for (int round = 0; round < 8; ++round) {
    for (int slot = 0; slot < kSlots; slot += 4) {
      // Of four slots the fastest answers, and the others are cut: three in four are never known.
      double seconds[4];
      for (double& each : seconds) each = Drawn(random, 0.1);
      const int fastest = static_cast<int>(std::min_element(seconds, seconds + 4) - seconds);
      for (int i = 0; i < 4; ++i) {
        recorder.Observe({slot + i, 0.1, seconds[fastest], i != fastest});
      }
    }
  }
  recorder.set_slope(4);
  const FleetProfile profile = recorder.Profile(16, 1);
  EXPECT_NEAR(Median(profile.fixed_seconds), 1 + 0.2 * std::log(2.0), 0.04);
}

TEST(FleetRecorderTest, BurstsStayTogether) {
  FleetRecorder recorder(kSlots, 8);
  for (int round = 0; round < 8; ++round) {
    for (int slot = 0; slot < kSlots; ++slot) {
      recorder.Observe({slot, 0.1, round == 3 ? 9.0 : 1.0, slot % 2 == 1});
    }
  }
  recorder.set_slope(0);
  const FleetProfile profile = recorder.Profile(8, 1);
  for (int row = 0; row < 8; ++row) {
    int slow = 0;
    for (int slot = 0; slot < kSlots; ++slot) {
      slow += profile.fixed_seconds[row * kSlots + slot] >= 9;
    }
    // The other rows' cut slots may be drawn as slow; their known half is not.
    if (row == 3) {
      EXPECT_EQ(slow, kSlots);
    } else {
      EXPECT_LE(slow, kSlots / 2);
    }
  }
}

TEST(FleetRecorderTest, ForgetsWhatWasBeforeADrift) {
  RandomStream random(4, Purpose::kResample);
  FleetRecorder recorder(kSlots, 16);
  const auto round = [&](double factor) {
    for (int slot = 0; slot < kSlots; ++slot) {
      recorder.Observe({slot, 0.1, factor * Drawn(random, 0.1), false});
    }
  };
  for (int i = 0; i < 6; ++i) {
    round(1);
    EXPECT_FALSE(recorder.ForgetIfDrifted()) << "round " << i;
  }
  round(2);
  round(2);
  EXPECT_TRUE(recorder.ForgetIfDrifted());
  EXPECT_FALSE(recorder.ForgetIfDrifted()) << "once";
  recorder.set_slope(0);
  EXPECT_GT(Median(recorder.Profile(4, 1).fixed_seconds), 2);
}

// Under a redundant scheme hardly anything is known of the latest invocations but that they were
// cut.
TEST(FleetRecorderTest, CutsAreNoDrift) {
  RandomStream random(5, Purpose::kResample);
  FleetRecorder recorder(kSlots, 16);
  recorder.set_slope(4);
  for (int round = 0; round < 12; ++round) {
    for (int slot = 0; slot < kSlots; ++slot) {
      const double seconds = Drawn(random, 0.1);
      const double cut = round < 6 ? 1e9 : 1.41;
      recorder.Observe({slot, 0.1, std::min(seconds, cut), seconds > cut});
    }
    EXPECT_FALSE(recorder.ForgetIfDrifted()) << "round " << round;
  }
}

TEST(FleetRecorderTest, BeginsWithWhatWasKnown) {
  FleetProfile known{2, 2, {1, 2, 3, 4}, 7};
  FleetRecorder recorder(2, 8);
  recorder.Begin(known);
  EXPECT_DOUBLE_EQ(*recorder.Slope(), 7);
  EXPECT_EQ(recorder.Profile(2, 1).fixed_seconds, known.fixed_seconds);
}

TEST(FleetRecorderTest, WhatIsNotLegalIsLeftOut) {
  FleetRecorder recorder(2, 8);
  recorder.Observe({2, 0.1, 1, false});
  recorder.Observe({-1, 0.1, 1, false});
  recorder.Observe({0, -0.1, 1, false});
  recorder.Observe({0, 0.1, 0, false});
  recorder.Observe({0, 0.1, std::numeric_limits<double>::infinity(), false});
  EXPECT_EQ(recorder.observed(), 0);
}

}  // namespace
}  // namespace gradloom
