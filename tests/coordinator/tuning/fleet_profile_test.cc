#include "coordinator/tuning/fleet_profile.h"

#include <algorithm>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;

Trace SmallTrace() {
  Trace trace = *ParseTrace("small", "1,2,3\n4,5,6\n");
  trace.load = 0.5;
  return trace;
}

TEST(FleetProfileTest, TheRecordingsLoadIsTakenOff) {
  const FleetProfile profile = ProfileOfTrace(SmallTrace(), 2, 1, 10);
  EXPECT_THAT(profile.fixed_seconds, ElementsAre(0.5, 1.5, 3.5, 4.5));
  const auto delays = MakeProfileDelays(profile, RecordedOrder(profile));
  EXPECT_DOUBLE_EQ(delays->Seconds(1, 0, 0.25), 1.5 + 2.5);
  EXPECT_DOUBLE_EQ(delays->Seconds(1, 3, 0), 4.5) << "begins again";
  EXPECT_EQ(delays->slots(), 2);
}

TEST(FleetProfileTest, AModelsProfileIsTheModel) {
  GeneratedDelays spec;
  spec.slope = 3;
  const auto model = *MakeGeneratedDelays(spec);
  const FleetProfile profile = ProfileOfModel(*model, 4, 8);
  EXPECT_NEAR(profile.slope_seconds, 3, 1e-9);
  const auto delays = MakeProfileDelays(profile, RecordedOrder(profile));
  for (int slot = 0; slot < 4; ++slot) {
    EXPECT_NEAR(delays->Seconds(slot, 5, 0.1), model->Seconds(slot, 5, 0.1), 1e-9);
  }
}

TEST(FleetProfileTest, ResamplingKeepsNeighboursTogetherAndIsReproducible) {
  FleetProfile profile;
  profile.rows = 27;
  const std::vector<int> order = ResampledOrder(profile, 300, 5);
  EXPECT_EQ(order, ResampledOrder(profile, 300, 5));
  EXPECT_NE(order, ResampledOrder(profile, 300, 6));
  int followed = 0;
  for (size_t i = 0; i + 1 < order.size(); ++i) {
    ASSERT_GE(order[i], 0);
    ASSERT_LT(order[i], 27);
    followed += order[i + 1] == (order[i] + 1) % 27;
  }
  EXPECT_GE(followed, 2 * 299 / 3) << "blocks of three";
  EXPECT_GT(std::set<int>(order.begin(), order.end()).size(), 20u);
}

}  // namespace
}  // namespace gradloom
