// The contract of every closing rule, and what makes each one special.
#include "coding/closing_rule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using Kind = ClosingRuleSpec::Kind;
using ::testing::HasSubstr;

constexpr CloseVerdict kNotYet = {};
constexpr CloseVerdict kMayClose = {.due_decodable = true, .conforming = true};
constexpr double kNever = std::numeric_limits<double>::infinity();

std::unique_ptr<ClosingRule> Make(const ClosingRuleSpec& spec) {
  auto rule = MakeClosingRule(spec);
  EXPECT_TRUE(rule.ok()) << rule.status();
  return *std::move(rule);
}

class ClosingRuleContract : public ::testing::TestWithParam<Kind> {};

// Drives rules as the core does: asks after each arrival and at each ask_again.
TEST_P(ClosingRuleContract, ClosesOnlyWhenItMayAndAlwaysAtTheEnd) {
  auto rule = Make({.kind = GetParam()});
  std::mt19937 random(7);
  std::uniform_int_distribution<int> any_slots(0, 20);
  std::exponential_distribution<double> delay(1.0);
  for (int round = 0; round < 200; ++round) {
    const int slots = any_slots(random);
    std::vector<double> times(slots);
    for (double& time : times) time = 0.1 + delay(random);
    std::sort(times.begin(), times.end());
    const int enough = slots == 0 ? 0 : any_slots(random) % (slots + 1);
    rule->StartRound(slots);
    bool closed = false;
    double now = 0;
    const auto ask = [&](int arrived) {
      const CloseVerdict verdict = arrived >= enough ? kMayClose : kNotYet;
      const auto decision = rule->Decide(now, verdict, slots - arrived);
      if (decision.close) {
        EXPECT_TRUE(verdict.may_close() || arrived == slots);
      } else {
        EXPECT_LT(arrived, slots);
        EXPECT_GT(decision.ask_again_seconds, now);
      }
      closed = decision.close;
      return decision.ask_again_seconds;
    };
    double again = ask(0);
    for (int i = 0; i < slots && !closed; ++i) {
      while (!closed && again < times[i]) {
        now = again;
        again = ask(i);
      }
      if (closed) break;
      now = times[i];
      rule->Arrive(now, false);
      if (i % 5 == 0) rule->Arrive(now + 1, true);
      again = ask(i + 1);
    }
    EXPECT_TRUE(closed) << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ClosingRuleContract,
                         ::testing::Values(Kind::kWaitForAll, Kind::kFirstDecodable, Kind::kMu,
                                           Kind::kMuWaitForAll, Kind::kQuantile));

TEST(ClosingRuleTest, WaitForAllIgnoresTheVerdict) {
  auto rule = Make({.kind = Kind::kWaitForAll});
  rule->StartRound(3);
  EXPECT_FALSE(rule->Decide(9, kMayClose, 1).close);
  EXPECT_TRUE(rule->Decide(9, kMayClose, 0).close);
}

TEST(ClosingRuleTest, FirstDecodableClosesAtOnce) {
  auto rule = Make({.kind = Kind::kFirstDecodable});
  rule->StartRound(3);
  EXPECT_FALSE(rule->Decide(1, kNotYet, 2).close);
  EXPECT_TRUE(rule->Decide(1, kMayClose, 2).close);
}

TEST(ClosingRuleTest, MuWaitsForItsDeadlineThenUntilConforming) {
  auto rule = Make({.kind = Kind::kMu, .mu = 0.5});
  rule->StartRound(3);
  EXPECT_EQ(rule->Decide(0, kNotYet, 3).ask_again_seconds, kNever);
  rule->Arrive(2, false);
  EXPECT_EQ(rule->Decide(2, kMayClose, 2).ask_again_seconds, 3);
  rule->Arrive(2.5, false);
  EXPECT_EQ(rule->Decide(2.5, kMayClose, 1).ask_again_seconds, 3);
  EXPECT_FALSE(rule->Decide(3, kNotYet, 1).close);
  EXPECT_TRUE(rule->Decide(3.5, kMayClose, 1).close);
}

TEST(ClosingRuleTest, MuWaitForAllDoesNotSettleForLessAfterAViolation) {
  auto rule = Make({.kind = Kind::kMuWaitForAll, .mu = 1});
  rule->StartRound(3);
  rule->Arrive(1, false);
  EXPECT_FALSE(rule->Decide(2, kNotYet, 2).close);
  EXPECT_FALSE(rule->Decide(3, kMayClose, 1).close);
  EXPECT_TRUE(rule->Decide(4, kMayClose, 0).close);
  rule->StartRound(3);
  rule->Arrive(1, false);
  EXPECT_TRUE(rule->Decide(2, kMayClose, 2).close) << "the violation was of another round";
}

TEST(ClosingRuleTest, MuReachesItsDeadlineInSpiteOfRounding) {
  auto rule = Make({.kind = Kind::kMu, .mu = 1});
  rule->StartRound(2);
  rule->Arrive(0.1, false);
  EXPECT_TRUE(rule->Decide(std::nextafter(0.2, 0), kMayClose, 1).close);
}

// One slot ten times faster than the median: mu = 1 would call nearly all stragglers.
TEST(ClosingRuleTest, QuantileSurvivesASkewedFleet) {
  auto rule = Make({.kind = Kind::kQuantile, .quantile = 0.5, .factor = 1.5});
  for (int round = 0; round < 3; ++round) {
    rule->StartRound(10);
    rule->Arrive(1, false);
    for (int slot = 1; slot < 10; ++slot) rule->Arrive(10 + 0.1 * slot, false);
  }
  rule->StartRound(10);
  rule->Arrive(1, false);
  const auto decision = rule->Decide(1, kMayClose, 9);
  EXPECT_FALSE(decision.close);
  EXPECT_NEAR(decision.ask_again_seconds, 15.6, 1e-9);  // 1.5 x the fifth fastest of ten
  EXPECT_TRUE(rule->Decide(15.6, kMayClose, 9).close);
  EXPECT_FALSE(rule->Decide(15.6, kNotYet, 9).close);
}

TEST(ClosingRuleTest, QuantileOfTheFirstRoundIsThatOfItsOwnArrivals) {
  auto rule = Make({.kind = Kind::kQuantile, .quantile = 0.5, .factor = 2});
  rule->StartRound(4);
  rule->Arrive(1, false);
  EXPECT_EQ(rule->Decide(1, kMayClose, 3).ask_again_seconds, kNever);
  rule->Arrive(3, false);
  EXPECT_EQ(rule->Decide(3, kMayClose, 2).ask_again_seconds, 6);
}

// Rounds that close early hear only of fast slots; the others must still weigh in.
TEST(ClosingRuleTest, QuantileCountsTheSlotsThatWereNotWaitedFor) {
  const ClosingRuleSpec spec = {.kind = Kind::kQuantile, .quantile = 0.9, .factor = 1};
  auto rule = Make(spec);
  rule->StartRound(10);
  for (int slot = 0; slot < 5; ++slot) rule->Arrive(1 + 0.1 * slot, false);
  rule->StartRound(10);
  EXPECT_DOUBLE_EQ(rule->Decide(0, kMayClose, 10).ask_again_seconds, 1.4) << "the slowest known";
  for (int slot = 0; slot < 5; ++slot) rule->Arrive(7, true);
  rule->StartRound(5);
  EXPECT_DOUBLE_EQ(rule->Decide(0, kMayClose, 5).ask_again_seconds, 7) << "late arrivals teach";
}

TEST(ClosingRuleTest, QuantileFollowsDrift) {
  auto rule = Make({.kind = Kind::kQuantile, .quantile = 0.5, .factor = 1});
  for (int round = 0; round < 20; ++round) {
    rule->StartRound(4);
    for (int slot = 0; slot < 4; ++slot) rule->Arrive(round < 10 ? 1 : 5, false);
  }
  rule->StartRound(4);
  EXPECT_EQ(rule->Decide(0, kMayClose, 4).ask_again_seconds, 5);
}

TEST(ClosingRuleTest, ErrorsNameTheParameter) {
  EXPECT_THAT(MakeClosingRule({.mu = -1}).status().message(), HasSubstr("mu = -1"));
  EXPECT_THAT(MakeClosingRule({.mu = kNever}).status().message(), HasSubstr("mu = inf"));
  EXPECT_THAT(MakeClosingRule({.quantile = 0}).status().message(), HasSubstr("quantile = 0"));
  EXPECT_THAT(MakeClosingRule({.quantile = std::nan("")}).status().message(),
              HasSubstr("quantile = nan"));
  EXPECT_THAT(MakeClosingRule({.factor = 0}).status().message(), HasSubstr("factor = 0"));
  EXPECT_THAT(MakeClosingRule({.kind = static_cast<Kind>(99)}).status().message(),
              HasSubstr("kind = 99"));
}

TEST(ClosingRule, OnlyTheFirstDecodableAcceptsJobsEarly) {
  for (const Kind kind : {Kind::kWaitForAll, Kind::kFirstDecodable, Kind::kMu, Kind::kMuWaitForAll,
                          Kind::kQuantile}) {
    EXPECT_EQ(Make({.kind = kind})->accepts_early(), kind == Kind::kFirstDecodable);
  }
}

}  // namespace
}  // namespace gradloom
