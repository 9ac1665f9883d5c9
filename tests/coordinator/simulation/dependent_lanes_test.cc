// Lanes that need each other, simulated, against an oracle that knows no rounds and no messages.
#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "coordinator/planning/arrangement.h"
#include "coordinator/simulation/simulator.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// delay(slot, k) = the slot's entry, whatever the load.
class FixedDelays final : public DelayModel {
 public:
  explicit FixedDelays(std::vector<double> seconds) : seconds_(std::move(seconds)) {}
  double Seconds(int slot, int64_t, double) const override { return seconds_[slot]; }
  int slots() const override { return static_cast<int>(seconds_.size()); }

 private:
  std::vector<double> seconds_;
};

std::vector<double> Play(const std::string& fleet, FleetSize size, std::vector<double> seconds,
                         double apply_seconds = 0) {
  const Choice choice{Spec("uncoded", 1), {}, *ParseArrangement(fleet)};
  auto plan = MakePlan(choice, size);
  EXPECT_TRUE(plan.ok()) << plan.status();
  const auto result =
      Simulate(*std::move(plan), FixedDelays(std::move(seconds)), {.apply_seconds = apply_seconds});
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? result->applied_seconds : std::vector<double>();
}

// When each job is applied if lane l takes seconds[l] a job and has machines of its own: the
// longest way back through what each job needs, by nothing but going over all jobs until no time
// changes any more.
double Oracle(const std::vector<LanePlan>& lanes, const std::vector<double>& seconds) {
  std::vector<std::vector<double>> end;
  for (const LanePlan& lane : lanes) end.emplace_back(lane.jobs, 0.0);
  const auto applied = [&](int lane, int64_t jobs) {
    jobs = std::min(jobs, lanes[lane].jobs);
    return jobs <= 0 ? 0.0 : end[lane][jobs - 1];
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (int lane = 0; lane < static_cast<int>(lanes.size()); ++lane) {
      for (int64_t job = 0; job < lanes[lane].jobs; ++job) {
        double start = applied(lane, job);
        for (const LaneDependency& need : lanes[lane].needs) {
          start = std::max(
              start, applied(need.lane, need.finished ? lanes[need.lane].jobs : job - need.lag));
        }
        changed = changed || end[lane][job] != start + seconds[lane];
        end[lane][job] = start + seconds[lane];
      }
    }
  }
  double last = 0;
  for (const std::vector<double>& of_lane : end) {
    if (!of_lane.empty()) last = std::max(last, of_lane.back());
  }
  return last;
}

TEST(DependentLanesTest, ByHand) {
  // Lane 1 takes twice as long as lane 0. Free: 6 s. In step (lag 0): a step of 2 s. One step ahead
  // at most (lag 1): lane 0 waits, lane 1 never does. One after the other: 3 + 6 s.
  const std::vector<double> seconds = {1, 2};
  EXPECT_THAT(Play("split:2", SizeOf(2, {{3}, {3}}), seconds), ElementsAre(1, 2, 2, 3, 4, 6));
  EXPECT_THAT(Play("split:2", SizeOf(2, {{3, 0, {{1, 0}}}, {3, 0, {{0, 0}}}}), seconds),
              ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(Play("split:2", SizeOf(2, {{3, 0, {{1, 1}}}, {3, 0, {{0, 1}}}}), seconds),
              ElementsAre(1, 2, 2, 3, 4, 6));
  EXPECT_THAT(Play("split:2", SizeOf(2, {{3}, {3, 0, {{0, 0, true}}}}), seconds),
              ElementsAre(1, 2, 3, 5, 7, 9));
  // Lane 1's job j follows lane 0's job j, lane 0's job j lane 1's job j - 1.
  EXPECT_THAT(Play("split:2", SizeOf(2, {{3, 0, {{1, 0}}}, {3, 0, {{0, -1}}}}), seconds),
              ElementsAre(1, 3, 4, 6, 7, 9));
}

TEST(DependentLanesTest, SplitFleetsTakeWhatTheOracleSays) {
  std::mt19937_64 random(5);
  for (int sample = 0; sample < 200; ++sample) {
    const int lanes = 2 + static_cast<int>(random() % 2);
    const bool greedy = random() % 4 == 0;
    std::vector<LanePlan> plans;
    std::vector<double> seconds;
    for (int lane = 0; lane < lanes; ++lane) {
      LanePlan plan{.jobs = 1 + static_cast<int64_t>(random() % 6)};
      for (int other = 0; other < lanes; ++other) {
        if (other == lane || random() % 3 == 0 || (greedy && other > lane)) continue;
        // Of a lane before this one the same job may be needed; never the other way round, too.
        const auto lag = static_cast<int64_t>(random() % 3) - (other < lane ? 1 : 0);
        plan.needs.push_back({other, lag, greedy && random() % 2 == 0});
      }
      plans.push_back(std::move(plan));
      // Sums of quarters are exact.
      seconds.push_back(0.25 * static_cast<double>(1 + random() % 12));
    }
    const std::vector<double> applied =
        Play("split:" + std::to_string(lanes), SizeOf(lanes, plans), seconds);
    ASSERT_FALSE(applied.empty()) << sample;
    EXPECT_DOUBLE_EQ(applied.back(), Oracle(plans, seconds)) << "sample " << sample;
  }
}

TEST(DependentLanesTest, AChainIsTheSumOfItsJobs) {
  // 3 + 3 + 2 jobs, each as long as its slowest slot, and 0.5 s to apply each.
  const FleetSize chain = SizeOf(3, {{8}});
  EXPECT_DOUBLE_EQ(Play("woven", chain, {1, 3, 2}, 0.5).back(), 8 * 3.5);
  // Woven without a delay is no faster, whatever the lanes need.
  const FleetSize lanes = SizeOf(3, {{3, 0, {{1, 1}}}, {3, 0, {{0, 1}}}, {2}});
  EXPECT_DOUBLE_EQ(Play("woven", lanes, {1, 3, 2}).back(), 8 * 3);
}

TEST(DependentLanesTest, AGangHasThoseTogetherThatMayBegin) {
  // In step: one message a step.
  const FleetSize step = SizeOf(2, {{3, 0, {{1, 0}}}, {3, 0, {{0, 0}}}});
  EXPECT_THAT(Play("gang", step, {1, 2}), ElementsAre(2, 2, 4, 4, 6, 6));
  // One after the other: nothing to share.
  const FleetSize greedy = SizeOf(2, {{3}, {3, 0, {{0, 0, true}}}});
  EXPECT_THAT(Play("gang", greedy, {1, 2}), ElementsAre(2, 4, 6, 8, 10, 12));
}

TEST(DependentLanesTest, AJobThatIsGivenUpHoldsNobodyUp) {
  // In step, but lane 1's slot would take 10 s: after 2 s each of its jobs counts as missing.
  FleetSize size = SizeOf(2, {{3, 0, {{1, 0}}}, {3, 0, {{0, 0}}}});
  size.plans[1].give_up = absl::Seconds(2);
  EXPECT_THAT(Play("split:2", size, {1, 10}), ElementsAre(1, 3, 5));
}

TEST(PlannedLanesTest, EqualLanesTakeTurns) {
  std::vector<int64_t> jobs;
  for (const LanePlan& lane : PlannedLanes({8, 4, 26})) jobs.push_back(lane.jobs);
  EXPECT_THAT(jobs, ElementsAre(7, 7, 6, 6));
}

TEST(PlannedLanesTest, FewerJobsAreDealtInProportionToWhatIsLeft) {
  FleetSize size = SizeOf(8, {{10, 4, {{1, 1}}}, {40, 10}, {5, 5}, {20, 8}});
  EXPECT_EQ(size.jobs, 6 + 30 + 0 + 12);
  EXPECT_EQ(size.lanes, 4);
  for (const int64_t jobs : {1, 2, 7, 16, 47, 48}) {
    size.jobs = jobs;
    const std::vector<LanePlan> lanes = PlannedLanes(size);
    int64_t played = 0;
    for (size_t i = 0; i < lanes.size(); ++i) {
      const LanePlan& whole = size.plans[i];
      EXPECT_EQ(lanes[i].first_job, whole.first_job);
      const double share = static_cast<double>(jobs * (whole.jobs - whole.first_job)) / 48;
      EXPECT_NEAR(static_cast<double>(lanes[i].jobs - lanes[i].first_job), share, 1 - 1e-9);
      played += lanes[i].jobs - lanes[i].first_job;
    }
    EXPECT_EQ(played, jobs);
    EXPECT_EQ(lanes[0].needs.size(), 1u);
  }
}

TEST(PlannedLanesTest, AsManyPlansAsLanes) {
  FleetSize size = SizeOf(8, {{10}, {10}});
  size.lanes = 3;
  const Choice choice{Spec("uncoded", 1), {}, {}};
  EXPECT_THAT(MakePlan(choice, size).status().message(), HasSubstr("2 lanes are planned"));
}

}  // namespace
}  // namespace gradloom
