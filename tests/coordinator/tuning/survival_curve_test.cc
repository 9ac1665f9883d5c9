#include "coordinator/tuning/survival_curve.h"

#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"
#include "models/random.h"

namespace gradloom {
namespace {

TEST(SurvivalCurveTest, WithoutCutsItIsTheShareThatIsLeft) {
  const SurvivalCurve curve({{3, false}, {1, false}, {2, false}, {4, false}});
  EXPECT_DOUBLE_EQ(curve.Survival(0.5), 1);
  EXPECT_DOUBLE_EQ(curve.Survival(1), 0.75);
  EXPECT_DOUBLE_EQ(curve.Survival(2.5), 0.5);
  EXPECT_DOUBLE_EQ(curve.AtSurvival(0.75), 1);
  EXPECT_DOUBLE_EQ(curve.AtSurvival(0.6), 2);
  EXPECT_DOUBLE_EQ(curve.known_until(), 0);
}

// Textbook arithmetic: 6 at risk, one ends at 1; 4 left after the cut at 2; one of them ends at 3.
TEST(SurvivalCurveTest, ACutCountsUntilItHappens) {
  const SurvivalCurve curve({{1, false}, {2, true}, {3, false}, {4, true}, {4, true}, {4, true}});
  EXPECT_DOUBLE_EQ(curve.Survival(1), 5.0 / 6);
  EXPECT_DOUBLE_EQ(curve.Survival(3), 5.0 / 6 * 3.0 / 4);
  EXPECT_DOUBLE_EQ(curve.known_until(), 0.625);
}

// Exponential times of mean 1, cut at other exponential times: half of them. The curve still finds
// the times' own quantiles, which those that ended alone would halve.
TEST(SurvivalCurveTest, CutsDoNotBiasIt) {
  RandomStream random(7, Purpose::kResample);
  std::vector<SurvivalCurve::Value> values;
  for (int i = 0; i < 20000; ++i) {
    const double time = -std::log(1 - random.NextUniform());
    const double cut = -std::log(1 - random.NextUniform());
    values.push_back({std::min(time, cut), cut < time});
  }
  const SurvivalCurve curve(std::move(values));
  EXPECT_NEAR(curve.AtSurvival(0.75), -std::log(0.75), 0.02);
  EXPECT_NEAR(curve.AtSurvival(0.5), std::log(2.0), 0.03);
  EXPECT_NEAR(curve.Survival(1), std::exp(-1), 0.02);
}

TEST(SurvivalCurveTest, BeyondWhatIsKnownItGoesOnFalling) {
  const SurvivalCurve curve({{1, false}, {2, false}, {3, true}, {3, true}});
  EXPECT_GT(curve.AtSurvival(0.1), 2);
  EXPECT_GT(curve.AtSurvival(0.01), curve.AtSurvival(0.1));
  EXPECT_TRUE(std::isfinite(curve.AtSurvival(1e-9)));
}

TEST(SurvivalCurveTest, NothingKnown) {
  const SurvivalCurve curve({{2, true}, {5, true}});
  EXPECT_DOUBLE_EQ(curve.known_until(), 1);
  EXPECT_GE(curve.AtSurvival(0.5), 5);
}

TEST(SurvivalCurveTest, LogRankTellsDistributionsApartAndNotChance) {
  RandomStream random(9, Purpose::kResample);
  const auto drawn = [&](double mean) {
    std::vector<SurvivalCurve::Value> values;
    for (int i = 0; i < 400; ++i) {
      const double time = -mean * std::log(1 - random.NextUniform());
      values.push_back({std::min(time, 0.5), time > 0.5});
    }
    return values;
  };
  double squares = 0;
  for (int i = 0; i < 100; ++i) {
    const double z = LogRank(drawn(1), drawn(1));
    squares += z * z;
  }
  EXPECT_NEAR(squares / 100, 1, 0.45) << "three standard deviations of a mean of 100";
  EXPECT_GT(LogRank(drawn(1), drawn(2)), 4);
  EXPECT_LT(LogRank(drawn(2), drawn(1)), -4);
  // By hand: (1 - 1/2) at the first's end, then one at risk alone.
  EXPECT_DOUBLE_EQ(LogRank({{1, false}}, {{2, false}}), 0.5 / std::sqrt(0.25));
}

}  // namespace
}  // namespace gradloom
