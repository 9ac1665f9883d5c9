#include "coding/straggler_model.h"

#include "gtest/gtest.h"
#include "tests/coding/straggler_patterns.h"

namespace gradloom {
namespace {

StragglerModel Of(const DumbModel& model) {
  return model.bursty ? StragglerModel::Bursty(model.b, model.w, model.lambda)
                      : StragglerModel::Arbitrary(model.b, model.w, model.lambda);
}

class StragglerModelTest : public ::testing::TestWithParam<DumbModel> {};

// Random patterns, dense enough to leave the model: the tracker errs in no round, whatever the
// order of deliveries.
TEST_P(StragglerModelTest, TrackerEqualsTheDefinition) {
  const DumbModel& model = GetParam();
  std::mt19937 random(3);
  const int slots = 5;
  int outside = 0;
  for (int repetition = 0; repetition < 300; ++repetition) {
    PatternTracker tracker(Of(model), slots, 0);
    Pattern pattern;
    for (int round = 0; round < 12; ++round) {
      tracker.StartRound();
      pattern.emplace_back(slots, false);
      for (int slot = 0; slot < slots; ++slot) {
        tracker.Expect(slot);
        pattern.back()[slot] = random() % 6 == 0;
      }
      for (int slot = slots - 1; slot >= 0; --slot) {
        if (!pattern.back()[slot]) tracker.Deliver(slot);
      }
      const bool expected = model.WindowConforms(pattern, round);
      EXPECT_EQ(tracker.Conforming(), expected);
      if (expected) continue;
      ++outside;
      break;  // what a window is worth after a violation is another test's business
    }
  }
  EXPECT_GT(outside, 50);
}

TEST_P(StragglerModelTest, MaximalPatternsConformAndOneMoreDoesNot) {
  const DumbModel& model = GetParam();
  std::mt19937 random(5);
  const int slots = 64;
  const int rounds = 3 * model.w;
  const Pattern pattern = RandomMaximalPattern(model, slots, rounds, &random);
  ASSERT_TRUE(model.Conforms(pattern));
  PatternTracker tracker(Of(model), slots, 0);
  for (const auto& stragglers : pattern) {
    tracker.StartRound();
    for (int slot = 0; slot < slots; ++slot) {
      tracker.Expect(slot);
      if (!stragglers[slot]) tracker.Deliver(slot);
    }
    EXPECT_TRUE(tracker.Conforming());
  }
  // In a further round nobody but those that straggle there anyway could be lost.
  tracker.StartRound();
  for (int slot = 0; slot < slots; ++slot) tracker.Expect(slot);
  EXPECT_FALSE(tracker.Conforming());
}

INSTANTIATE_TEST_SUITE_P(All, StragglerModelTest,
                         ::testing::Values(DumbModel{true, 1, 2, 2}, DumbModel{true, 2, 3, 3},
                                           DumbModel{true, 3, 5, 2}, DumbModel{true, 2, 6, 4},
                                           DumbModel{false, 1, 1, 2}, DumbModel{false, 2, 4, 3},
                                           DumbModel{false, 3, 7, 2}, DumbModel{true, 1, 40, 4},
                                           DumbModel{false, 2, 64, 4}));

TEST(PatternTrackerTest, RemembersAViolation) {
  PatternTracker tracker(StragglerModel::Bursty(1, 2, 1), 3, 2);
  tracker.StartRound();
  tracker.Expect(0);
  tracker.Expect(1);
  EXPECT_FALSE(tracker.Conforming());
  // The next round's window still holds both stragglers; two further rounds are memory.
  for (int round = 0; round < 3; ++round) {
    tracker.StartRound();
    EXPECT_FALSE(tracker.Conforming());
  }
  tracker.StartRound();
  EXPECT_TRUE(tracker.Conforming());
}

}  // namespace
}  // namespace gradloom
