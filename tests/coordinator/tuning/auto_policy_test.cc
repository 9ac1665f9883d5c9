// The policy, played in the simulator over the shipped core.
#include "coordinator/tuning/auto_policy.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/tuning/auto_simulation.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"

namespace gradloom {
namespace {

constexpr FleetSize kSize{32, 4, 200};

FleetProfile Drawn(double slope, uint64_t seed, double base = 1) {
  GeneratedDelays spec;
  spec.kind = GeneratedDelays::Kind::kPareto;
  spec.shape = 3;
  spec.base_seconds = base;
  spec.slope = slope;
  spec.seed = seed;
  return ProfileOfModel(**MakeGeneratedDelays(spec), kSize.slots, 16);
}

AutoOptions Quick() {
  AutoOptions options;
  options.search.space.delay_max = 0;  // the others take long
  options.horizon_jobs = 16;
  return options;
}

// As where replies cost too much for multi_message.
AutoOptions CodesOnly() {
  AutoOptions options = Quick();
  std::erase(options.search.space.schemes, FindScheme("multi_message"));
  return options;
}

double BestFixed(const FleetProfile& profile, const FleetSize& size) {
  SearchOptions options;
  options.resamples = 0;
  options.jobs_max = size.jobs;
  options.give_up = 1.5;
  return SearchChoices(profile, size, options)->ranked.front().seconds;
}

// From heavily redundant to none at all: the cold start finds out. What that costs is a few per
// cent of a run of 50 jobs a lane.
class ColdStartTest : public ::testing::TestWithParam<double> {};

TEST_P(ColdStartTest, NotFarFromTheBestFixedChoice) {
  const FleetProfile profile = Drawn(GetParam(), 11);
  const auto play =
      PlayAuto(kSize, *MakeProfileDelays(profile, RecordedOrder(profile)), Quick(), {});
  ASSERT_TRUE(play.ok()) << play.status();
  EXPECT_EQ(play->result.applied_seconds.size(), kSize.jobs);
  EXPECT_LE(play->result.total_seconds, 1.08 * BestFixed(profile, kSize));
}

INSTANTIATE_TEST_SUITE_P(Slopes, ColdStartTest, ::testing::Values(0.1, 2.0, 60.0));

TEST(AutoPolicyTest, ToldTheFleetItStartsWithTheBest) {
  const FleetProfile profile = Drawn(2, 12);
  AutoOptions options = Quick();
  options.known = profile;
  const FleetSize size{32, 4, 27};
  const auto play =
      PlayAuto(size, *MakeProfileDelays(profile, RecordedOrder(profile)), options, {});
  ASSERT_TRUE(play.ok()) << play.status();
  EXPECT_LE(play->result.total_seconds, 1.03 * BestFixed(profile, size));
}

TEST(AutoPolicyTest, DoesNotFlapOnASteadyFleet) {
  const FleetProfile profile = Drawn(2, 13);
  const auto play =
      PlayAuto(kSize, *MakeProfileDelays(profile, RecordedOrder(profile)), Quick(), {});
  ASSERT_TRUE(play.ok()) << play.status();
  const auto late = std::count_if(play->journal.begin(), play->journal.end(), [](const auto& e) {
    return e.jobs_applied > 40 && e.decision.why == "the fleet as observed";
  });
  EXPECT_LE(late, 2);
}

// A fleet whose load becomes sixty times as expensive in the middle of the run.
class DriftingDelays final : public DelayModel {
 public:
  double Seconds(int slot, int64_t invocation, double load) const override {
    const FleetProfile& profile = invocation < 25 ? before_ : after_;
    const size_t row = invocation % profile.rows;
    return profile.fixed_seconds[row * profile.slots + slot] + load * profile.slope_seconds;
  }
  int slots() const override { return before_.slots; }

 private:
  const FleetProfile before_ = Drawn(0.5, 14);
  const FleetProfile after_ = Drawn(60, 15);
};

TEST(AutoPolicyTest, SwitchesWhenTheFleetDrifts) {
  const auto play = PlayAuto(kSize, DriftingDelays(), CodesOnly(), {});
  ASSERT_TRUE(play.ok()) << play.status();
  const auto load_at = [&](int64_t jobs) {
    double load = 0;
    for (const AutoPlay::Entry& entry : play->journal) {
      if (entry.jobs_applied > jobs) break;
      const auto cost = CostOf(entry.decision.choice, kSize);
      load = InvocationLoad(entry.decision.choice, *cost, kSize.lanes);
    }
    return load;
  };
  EXPECT_LT(load_at(180), 0.5 * load_at(90));
}

TEST(AutoPolicyTest, TheJournalReplaysTheRunToTheLastBit) {
  const FleetProfile profile = Drawn(20, 16);
  const auto delays = MakeProfileDelays(profile, RecordedOrder(profile));
  const auto play = PlayAuto(kSize, *delays, CodesOnly(), {});
  ASSERT_TRUE(play.ok()) << play.status();
  ASSERT_GE(play->journal.size(), 2u) << "a run without a switch replays nothing";
  const auto replay = Replay(kSize, *delays, play->journal, {});
  ASSERT_TRUE(replay.ok()) << replay.status();
  EXPECT_EQ(replay->applied_seconds, play->result.applied_seconds);
  EXPECT_EQ(replay->invocations, play->result.invocations);
}

TEST(AutoPolicyTest, DecisionsThatDoNotFitTheFleetAreRefused) {
  AutoDecision decision;
  decision.choice.fleet = {Arrangement::Kind::kSplit, 2};
  decision.choice.scheme = Gc(8, 3);
  decision.lanes = {0, 1};
  EXPECT_TRUE(WeavesOf(decision, 8).ok());
  EXPECT_FALSE(WeavesOf(decision, 7).ok()) << "s must be less than a group's slots";
}

TEST(AutoPolicyTest, SlotsOfLanesThatAreDoneGoToTheOthers) {
  // One lane has far more to do than the others.
  const FleetProfile profile = Drawn(40, 17);
  AutoOptions options = Quick();
  options.known = profile;
  AutoPolicy policy(32, {{40}, {1}, {1}, {1}}, options);
  ASSERT_TRUE(policy.First().ok());
  for (int lane : {1, 2}) {
    ASSERT_TRUE(policy.JobApplied(lane, true).ok());
  }
  const auto last = policy.JobApplied(3, true);
  ASSERT_TRUE(last.ok()) << last.status();
  const AutoDecision& now = policy.current();
  EXPECT_EQ(now.lanes.front(), 0);
  const auto weaves = WeavesOf(now, 32);
  ASSERT_TRUE(weaves.ok());
  size_t slots = 0;
  for (const WeavePlan& weave : *weaves) {
    if (weave.lanes.front() == 0) slots = weave.slots.size();
  }
  EXPECT_GE(slots, 24u);
}

// Layers one after the other: whatever the policy begins with and goes over to, all slots work.
TEST(AutoPolicyTest, GreedyLayersNeverSplitTheFleet) {
  const FleetProfile profile = Drawn(20, 19);
  std::vector<LanePlan> layers(4, {40, 0});
  for (int lane = 1; lane < 4; ++lane) layers[lane].needs = {{lane - 1, 0, true}};
  const FleetSize size = SizeOf(32, layers);
  const auto delays = MakeProfileDelays(profile, RecordedOrder(profile));
  for (const bool told : {false, true}) {
    AutoOptions options = Quick();
    if (told) options.known = profile;
    const auto play = PlayAuto(size, *delays, options, {});
    ASSERT_TRUE(play.ok()) << play.status();
    for (const AutoPlay::Entry& entry : play->journal) {
      EXPECT_NE(entry.decision.choice.fleet.kind, Arrangement::Kind::kSplit) << entry.decision.why;
    }
    EXPECT_EQ(play->result.applied_seconds.size(), 160u);
    EXPECT_LE(play->result.total_seconds, 1.08 * BestFixed(profile, size));
  }
}

// Sampled blocks in step: a step's jobs are concurrent, steps are not.
TEST(AutoPolicyTest, LanesInStepComeNearTheBestFixedChoice) {
  const FleetProfile profile = Drawn(2, 20);
  std::vector<LanePlan> places(3, {60, 0});
  for (int lane = 0; lane < 3; ++lane) {
    for (int other = 0; other < 3; ++other) {
      if (other != lane) places[lane].needs.push_back({other, 0});
    }
  }
  const FleetSize size = SizeOf(32, places);
  const auto play =
      PlayAuto(size, *MakeProfileDelays(profile, RecordedOrder(profile)), Quick(), {});
  ASSERT_TRUE(play.ok()) << play.status();
  EXPECT_LE(play->result.total_seconds, 1.08 * BestFixed(profile, size));
}

TEST(AutoPolicyTest, LanesThatAnotherOnesJobEndedAreDone) {
  AutoOptions options = Quick();
  options.known = Drawn(40, 21);
  AutoPolicy policy(32, {{20}, {20}, {20}, {20}}, options);
  ASSERT_TRUE(policy.First().ok());
  for (int lane : {1, 2}) policy.EndLane(lane);
  ASSERT_TRUE(policy.JobApplied(3, true).ok());
  const AutoDecision& now = policy.current();
  EXPECT_EQ(now.lanes, std::vector<int>{0});
  EXPECT_EQ(now.why, "slots of a lane that is done");
}

// Every hundredth invocation stalls. Under the redundant first code nobody sees one to its end, and
// where load costs most of the time a code without redundancy looks best.
TEST(AutoPolicyTest, WhatRedundancyHidesIsNotTakenForAbsent) {
  FleetProfile profile = Drawn(60, 19);
  for (size_t i = 7; i < profile.fixed_seconds.size(); i += 97) profile.fixed_seconds[i] = 300;
  const FleetSize size{32, 4, 40};
  const auto play =
      PlayAuto(size, *MakeProfileDelays(profile, RecordedOrder(profile)), Quick(), {});
  ASSERT_TRUE(play.ok()) << play.status();
  EXPECT_LE(play->result.total_seconds, 1.5 * BestFixed(profile, size));
}

TEST(AutoPolicyTest, OneLaneAlone) {
  const FleetProfile profile = Drawn(2, 18);
  const FleetSize size{32, 1, 60};
  const auto play =
      PlayAuto(size, *MakeProfileDelays(profile, RecordedOrder(profile)), Quick(), {});
  ASSERT_TRUE(play.ok()) << play.status();
  EXPECT_LE(play->result.total_seconds, 1.15 * BestFixed(profile, size));
}

}  // namespace
}  // namespace gradloom
