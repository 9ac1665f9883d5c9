#include "coordinator/simulation/simulator.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"

namespace gradloom {
namespace {

// delay(slot, k) = the slot's entry, whatever the load.
class FixedDelays final : public DelayModel {
 public:
  explicit FixedDelays(std::vector<double> seconds) : seconds_(std::move(seconds)) {}
  double Seconds(int slot, int64_t, double) const override { return seconds_[slot]; }
  int slots() const override { return static_cast<int>(seconds_.size()); }

 private:
  std::vector<double> seconds_;
};

WeavePlan Weave(int s, std::vector<int> lanes, std::vector<int> slots) {
  WeavePlan weave;
  weave.scheme = *MakeScheme(Gc(static_cast<int>(slots.size()), s));
  weave.closing = *MakeClosingRule({});
  weave.lanes = std::move(lanes);
  weave.slots = std::move(slots);
  return weave;
}

CorePlan Plan(int slots, int lanes, int64_t jobs) {
  CorePlan plan;
  plan.slots = slots;
  for (int lane = 0; lane < lanes; ++lane) plan.lanes.push_back({jobs, 0});
  return plan;
}

TEST(SimulatorTest, UncodedWaitsForTheSlowest) {
  CorePlan plan = Plan(3, 1, 4);
  plan.weaves.push_back(Weave(0, {0}, {0, 1, 2}));
  const auto result = Simulate(std::move(plan), FixedDelays({1, 2, 5}), {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_DOUBLE_EQ(result->total_seconds, 20);
  EXPECT_EQ(result->invocations, 12);
}

TEST(SimulatorTest, RepetitionWaitsForTheFastestOfEachGroup) {
  CorePlan plan = Plan(4, 1, 3);
  plan.weaves.push_back(Weave(1, {0}, {0, 1, 2, 3}));
  const auto result = Simulate(std::move(plan), FixedDelays({1, 50, 7, 2}), {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_DOUBLE_EQ(result->total_seconds, 6);
  EXPECT_EQ(result->invocations_cut, 6) << "both stragglers, every round";
}

TEST(SimulatorTest, SplitFleetsRunBesideEachOther) {
  CorePlan plan = Plan(4, 2, 3);
  plan.weaves.push_back(Weave(0, {0}, {0, 1}));
  plan.weaves.push_back(Weave(0, {1}, {2, 3}));
  const auto result = Simulate(std::move(plan), FixedDelays({1, 1, 2, 2}), {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_DOUBLE_EQ(result->total_seconds, 6);
}

TEST(SimulatorTest, OverlappingWeavesHaveNoBarrier) {
  // At first both lanes' tasks come in one assignment, hence cost one invocation; later lanes go
  // on by themselves. Slot 1 is slow in lane 0's second job; slot 0 goes on with lane 1's
  // meanwhile.
  CorePlan plan = Plan(2, 2, 2);
  plan.weaves.push_back(Weave(0, {0}, {0, 1}));
  plan.weaves.push_back(Weave(0, {1}, {0, 1}));
  const auto result = Simulate(std::move(plan), FixedDelays({1, 3}), {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_DOUBLE_EQ(result->total_seconds, 9);
  EXPECT_EQ(result->applied_seconds, (std::vector<double>{3, 3, 6, 9}));
  EXPECT_EQ(result->invocations, 6);
}

TEST(SimulatorTest, AGangPaysForAnInvocationOnceForAllItsLanes) {
  CorePlan plan = Plan(2, 2, 2);
  plan.weaves.push_back(Weave(0, {0}, {0, 1}));
  plan.weaves.push_back(Weave(0, {1}, {0, 1}));
  plan.weaves[0].gang = plan.weaves[1].gang = 0;
  const auto result = Simulate(std::move(plan), FixedDelays({1, 3}), {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->applied_seconds, (std::vector<double>{3, 3, 6, 6}));
  EXPECT_EQ(result->invocations, 4);
}

// delay = the slot's entry + load x 8.
class LoadedDelays final : public DelayModel {
 public:
  LoadedDelays(std::vector<double> seconds, double reply)
      : seconds_(std::move(seconds)), reply_(reply) {}
  double Seconds(int slot, int64_t, double load) const override {
    return seconds_[slot] + 8 * load;
  }
  double ReplySeconds() const override { return reply_; }
  int slots() const override { return static_cast<int>(seconds_.size()); }

 private:
  std::vector<double> seconds_;
  double reply_;
};

// Slot k of a row of seconds by invocation, whatever the load.
class RowDelays final : public DelayModel {
 public:
  explicit RowDelays(std::vector<double> seconds) : seconds_(std::move(seconds)) {}
  double Seconds(int, int64_t invocation, double) const override {
    return seconds_.at(static_cast<size_t>(invocation));
  }
  int slots() const override { return 0; }

 private:
  std::vector<double> seconds_;
};

// Puts an equal weave in the place of the one before after every job.
class Switcher final : public SimulationPilot {
 public:
  void Observe(const InvocationObserved&) override {}
  std::optional<std::vector<WeavePlan>> Steer(double, int) override {
    std::vector<WeavePlan> weaves;
    weaves.push_back(Weave(1, {0}, {0, 1}));
    return weaves;
  }
};

TEST(SimulatorTest, F23_SwitchingDoesNotBringTheFirstDelaysBack) {
  const auto seconds = [](SimulationPilot* pilot) {
    CorePlan plan = Plan(2, 1, 4);
    plan.weaves.push_back(Weave(1, {0}, {0, 1}));
    return Simulate(std::move(plan), RowDelays({9, 1, 2, 3}), {.pilot = pilot})->applied_seconds;
  };
  Switcher switcher;
  EXPECT_EQ(seconds(&switcher), (std::vector<double>{9, 10, 12, 15}));
  EXPECT_EQ(seconds(&switcher), seconds(nullptr));
}

class Watcher final : public SimulationPilot {
 public:
  void Observe(const InvocationObserved& observed) override { seen.push_back(observed); }
  std::optional<std::vector<WeavePlan>> Steer(double, int) override { return std::nullopt; }
  std::vector<InvocationObserved> seen;
};

TEST(SimulatorTest, TasksOfAnInvocationAreAnsweredOneByOne) {
  // Four chunks, two seconds each: slot 0 answers at 3, 5, 7; slot 1 never gets to begin.
  WeavePlan weave = Weave(0, {0}, {0, 1, 2, 3});
  weave.scheme = *MakeScheme(MultiMessage(4));
  CorePlan plan = Plan(4, 1, 1);
  plan.weaves.push_back(std::move(weave));
  Watcher watcher;
  SimulationOptions options;
  options.pilot = &watcher;
  const auto result = Simulate(std::move(plan), LoadedDelays({1, 50, 50, 2.5}, 0), options);
  ASSERT_TRUE(result.ok()) << result.status();
  // Slot 0: chunks 0 (at 3), 2 (at 5), 1 (at 7); slot 3: chunk 3 (at 4.5), then 1 (at 6.5).
  EXPECT_DOUBLE_EQ(result->total_seconds, 6.5);
  EXPECT_EQ(result->invocations, 4);
  EXPECT_EQ(result->counters.replies, 4);
  ASSERT_EQ(watcher.seen.size(), 4u);
  const auto of_slot = [&](int slot) {
    return *std::find_if(watcher.seen.begin(), watcher.seen.end(),
                         [slot](const InvocationObserved& seen) { return seen.slot == slot; });
  };
  EXPECT_FALSE(of_slot(0).at_least);
  EXPECT_DOUBLE_EQ(of_slot(0).load, 0.25);
  EXPECT_DOUBLE_EQ(of_slot(0).seconds, 3);
  EXPECT_EQ(of_slot(0).further_replies, 1);
  EXPECT_DOUBLE_EQ(of_slot(0).further_seconds, 2);
  EXPECT_DOUBLE_EQ(of_slot(0).compute_seconds, 4);
  EXPECT_TRUE(of_slot(1).at_least);
  EXPECT_DOUBLE_EQ(of_slot(1).seconds, 6.5);
}

TEST(SimulatorTest, EveryReplyCostsItsSlot) {
  CorePlan plan = Plan(2, 2, 1);
  for (int lane : {0, 1}) {
    plan.weaves.push_back(Weave(0, {lane}, {0, 1}));
    plan.weaves.back().gang = 0;
  }
  const auto result = Simulate(std::move(plan), LoadedDelays({1, 2}, 0.5), {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->applied_seconds, (std::vector<double>{6.5, 11}));
}

// Watches, and at the second applied job gives the fleet's halves to the lanes.
class Splitter final : public SimulationPilot {
 public:
  void Observe(const InvocationObserved& observed) override {
    ++(observed.load == 1 ? whole : halves);
    cut_short += observed.at_least;
    seconds_sum += observed.seconds;
  }
  std::optional<std::vector<WeavePlan>> Steer(double, int) override {
    if (++applied != 2) return std::nullopt;
    std::vector<WeavePlan> weaves;
    weaves.push_back(Weave(0, {0}, {0}));
    weaves.push_back(Weave(0, {1}, {1}));
    return weaves;
  }
  int applied = 0, halves = 0, whole = 0, cut_short = 0;
  double seconds_sum = 0;
};

TEST(SimulatorTest, APilotReplacesTheWeavesOfARunUnderWay) {
  CorePlan plan = Plan(2, 2, 3);
  plan.weaves.push_back(Weave(0, {0, 1}, {0, 1}));
  Splitter pilot;
  SimulationOptions options;
  options.pilot = &pilot;
  const auto result = Simulate(std::move(plan), FixedDelays({1, 2}), options);
  ASSERT_TRUE(result.ok()) << result.status();
  // Three woven jobs of 2 s each: the third was under way when the weaves were replaced. Then lane
  // 0's last takes 1 s on slot 0, lane 1's two take 2 s each on slot 1.
  EXPECT_EQ(result->applied_seconds, (std::vector<double>{2, 4, 6, 7, 8, 10}));
  EXPECT_EQ(pilot.halves, 6);
  EXPECT_EQ(pilot.whole, 3);
  EXPECT_EQ(pilot.cut_short, 0);
  EXPECT_DOUBLE_EQ(pilot.seconds_sum, 3 * 3 + 1 + 2 * 2);
}

TEST(SimulatorTest, ADeadSlotIsTolerated) {
  CorePlan plan = Plan(4, 1, 5);
  plan.weaves.push_back(Weave(1, {0}, {0, 1, 2, 3}));
  const FixedDelays delays({1, std::numeric_limits<double>::infinity(), 1, 1});
  const auto result = Simulate(std::move(plan), delays, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_DOUBLE_EQ(result->total_seconds, 5);
}

TEST(SimulatorTest, ARunThatCannotEndSaysSo) {
  CorePlan plan = Plan(2, 1, 5);
  plan.weaves.push_back(Weave(0, {0}, {0, 1}));
  const FixedDelays delays({1, std::numeric_limits<double>::infinity()});
  EXPECT_FALSE(Simulate(std::move(plan), delays, {}).ok());
}

TEST(SimulatorTest, MoreSlotsThanRecordedAreRefused) {
  CorePlan plan = Plan(3, 1, 1);
  plan.weaves.push_back(Weave(0, {0}, {0, 1, 2}));
  EXPECT_EQ(Simulate(std::move(plan), FixedDelays({1, 1}), {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gradloom
