// The contract of every closing rule, and what makes each one special.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <string>

#include "coding/closing_kind.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

constexpr CloseVerdict kNotYet = {};
constexpr CloseVerdict kMayClose = {.due_decodable = true, .conforming = true};
constexpr double kNever = std::numeric_limits<double>::infinity();

std::unique_ptr<ClosingRule> Make(absl::string_view text) {
  auto rule = MakeClosingRule(Rule(text));
  EXPECT_TRUE(rule.ok()) << rule.status();
  return *std::move(rule);
}

class ClosingRuleContract : public ::testing::TestWithParam<absl::string_view> {};

// Drives rules as the core does: asks after each arrival and at each ask_again.
TEST_P(ClosingRuleContract, ClosesOnlyWhenItMayAndAlwaysAtTheEnd) {
  auto rule = Make(GetParam());
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

std::vector<absl::string_view> AllRules() {
  std::vector<absl::string_view> names;
  for (const ClosingKind* kind : ClosingTable()) names.push_back(kind->name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, ClosingRuleContract, ::testing::ValuesIn(AllRules()));

TEST(ClosingRuleTest, WaitForAllIgnoresTheVerdict) {
  auto rule = Make("wait_for_all");
  rule->StartRound(3);
  EXPECT_FALSE(rule->Decide(9, kMayClose, 1).close);
  EXPECT_TRUE(rule->Decide(9, kMayClose, 0).close);
}

TEST(ClosingRuleTest, FirstDecodableClosesAtOnce) {
  auto rule = Make("first_decodable");
  rule->StartRound(3);
  EXPECT_FALSE(rule->Decide(1, kNotYet, 2).close);
  EXPECT_TRUE(rule->Decide(1, kMayClose, 2).close);
}

TEST(ClosingRuleTest, MuWaitsForItsDeadlineThenUntilConforming) {
  auto rule = Make("mu:0.5");
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
  auto rule = Make("mu_wait_for_all:1");
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
  auto rule = Make("mu:1");
  rule->StartRound(2);
  rule->Arrive(0.1, false);
  EXPECT_TRUE(rule->Decide(std::nextafter(0.2, 0), kMayClose, 1).close);
}

// One slot ten times faster than the median: mu = 1 would call nearly all stragglers.
TEST(ClosingRuleTest, QuantileSurvivesASkewedFleet) {
  auto rule = Make("quantile:quantile=0.5,factor=1.5");
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
  auto rule = Make("quantile:quantile=0.5,factor=2");
  rule->StartRound(4);
  rule->Arrive(1, false);
  EXPECT_EQ(rule->Decide(1, kMayClose, 3).ask_again_seconds, kNever);
  rule->Arrive(3, false);
  EXPECT_EQ(rule->Decide(3, kMayClose, 2).ask_again_seconds, 6);
}

// Rounds that close early hear only of fast slots; the others must still weigh in.
TEST(ClosingRuleTest, QuantileCountsTheSlotsThatWereNotWaitedFor) {
  const absl::string_view spec = "quantile:quantile=0.9,factor=1";
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
  auto rule = Make("quantile:quantile=0.5,factor=1");
  for (int round = 0; round < 20; ++round) {
    rule->StartRound(4);
    for (int slot = 0; slot < 4; ++slot) rule->Arrive(round < 10 ? 1 : 5, false);
  }
  rule->StartRound(4);
  EXPECT_EQ(rule->Decide(0, kMayClose, 4).ask_again_seconds, 5);
}

std::string Error(absl::string_view text) {
  return std::string(MakeClosingRule(Rule(text)).status().message());
}

TEST(ClosingRuleTest, ErrorsNameTheParameter) {
  EXPECT_EQ(Error("mu:-1"), "closing rule mu: mu = -1 is not legal; it must be from 0 to 1e6");
  EXPECT_THAT(Error("mu_wait_for_all:inf"), HasSubstr("mu = inf is not legal"));
  EXPECT_EQ(
      Error("quantile:0"),
      "closing rule quantile: quantile = 0 is not legal; it must be more than 0 and at most 1");
  EXPECT_THAT(Error("quantile:nan"), HasSubstr("quantile = nan"));
  EXPECT_THAT(Error("quantile:factor=0"), HasSubstr("factor = 0"));
}

TEST(ClosingRuleTest, OnlyTheFirstDecodableAcceptsJobsEarly) {
  for (const ClosingKind* kind : ClosingTable()) {
    EXPECT_EQ(Make(kind->name)->accepts_early(), kind->name == "first_decodable");
  }
}

TEST(ClosingTableTest, EveryRuleIsThereOnceAndSaysItsOwnName) {
  std::set<absl::string_view> names;
  for (const ClosingKind* kind : ClosingTable()) {
    EXPECT_TRUE(names.insert(kind->name).second) << kind->name;
    EXPECT_EQ(FindClosing(kind->name), kind);
    EXPECT_EQ(Make(kind->name)->name(), kind->name);
    EXPECT_EQ(Rule(ClosingText(ClosingRuleSpec(*kind))), ClosingRuleSpec(*kind));
    if (kind->tries == nullptr) continue;
    for (const Settings& settings : kind->tries()) {
      const ClosingRuleSpec spec(*kind, settings);
      EXPECT_EQ(Rule(ClosingText(spec)), spec);
      EXPECT_TRUE(MakeClosingRule(spec).ok());
    }
  }
  EXPECT_EQ(FindClosing("mu_"), nullptr);
  EXPECT_EQ(ClosingText({}), "first_decodable");
}

}  // namespace
}  // namespace gradloom
