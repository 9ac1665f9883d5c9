// Lanes that depend on each other: layers in step with a lag, layers one after the other, lanes
// that end others.
#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/core/coordinator_core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"
#include "tests/coordinator/core/core_driver.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

// Every lane needs every other one with `lag`.
void NeedEachOther(CorePlan* plan, int64_t lag) {
  for (size_t lane = 0; lane < plan->lanes.size(); ++lane) {
    for (size_t other = 0; other < plan->lanes.size(); ++other) {
      if (other != lane) plan->lanes[lane].needs.push_back({static_cast<int>(other), lag});
    }
  }
}

// Even lanes' job j follows job j - 1 of all, odd lanes' job j even lanes' job j.
void TakeTurnsByParity(CorePlan* plan) {
  for (int lane = 0; lane < static_cast<int>(plan->lanes.size()); ++lane) {
    for (int other = 0; other < static_cast<int>(plan->lanes.size()); ++other) {
      const bool fresh = lane % 2 == 1 && other % 2 == 0;
      if (other != lane) plan->lanes[lane].needs.push_back({other, fresh ? -1 : 0});
    }
  }
}

// Answers at random until the run has ended; checks every start against the needs.
void Play(CorePlan plan, uint64_t seed) {
  const std::vector<LanePlan> lanes = plan.lanes;
  const int workers = plan.slots;
  plan.min_workers = workers;
  CoreDriver driver(std::move(plan));
  driver.apply_at_once = false;
  for (int worker = 1; worker <= workers; ++worker) {
    driver.Join(worker, absl::StrCat("w", worker));
  }
  std::map<int, int64_t> applied;
  std::mt19937_64 random(seed);
  for (int step = 0; step < 100000 && !driver.finished && driver.failed.empty(); ++step) {
    for (const auto& [worker, tasks] : driver.asked) {
      for (const AssignedTask& task : tasks) {
        for (const LaneDependency& need : lanes[task.lane].needs) {
          const int64_t wanted = need.finished
                                     ? lanes[need.lane].jobs
                                     : std::min(lanes[need.lane].jobs, task.lane_job - need.lag);
          ASSERT_GE(applied[need.lane], wanted)
              << "lane " << task.lane << " at job " << task.lane_job;
        }
      }
    }
    if (!driver.applying.empty() && random() % 2 == 0) {
      ++applied[driver.applying.front().lane];
      driver.Applied();
      continue;
    }
    const auto worker = static_cast<WorkerId>(random() % workers + 1);
    if (!driver.asked[worker].empty()) {
      driver.Answer(worker);
    } else {
      driver.now += absl::Milliseconds(1);
      driver.Send(Tick{});
    }
  }
  EXPECT_TRUE(driver.finished) << driver.failed;
  for (size_t lane = 0; lane < lanes.size(); ++lane) {
    EXPECT_EQ(applied[static_cast<int>(lane)], lanes[lane].jobs);
  }
}

TEST(LanesTest, NeedsHoldUnderEverySchemeAndTheRunEnds) {
  const SchemeSpec multiplexed = MSgc(4, 1, 2, 1);
  for (uint64_t seed = 0; seed < 30; ++seed) {
    for (const SchemeSpec& scheme : {Gc(4, 0), Gc(4, 1), multiplexed}) {
      for (const int64_t lag : {0, 1, 2}) {
        CorePlan plan = PlanFor(scheme, {}, 3, 7);
        NeedEachOther(&plan, lag);
        Play(std::move(plan), seed);
      }
      CorePlan greedy = PlanFor(scheme, {}, 3, 4);
      greedy.lanes[1].needs.push_back({0, 0, true});
      greedy.lanes[2].needs.push_back({1, 0, true});
      Play(std::move(greedy), seed);
      CorePlan parity = PlanFor(scheme, {}, 4, 4);
      TakeTurnsByParity(&parity);
      Play(std::move(parity), seed);
    }
  }
}

TEST(LanesTest, LanesAcrossWeavesAndGangs) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    for (const int gang : {-1, 0}) {
      for (const std::string order : {"greedy", "in step", "by parity"}) {
        CorePlan plan;
        plan.slots = 4;
        for (int lane = 0; lane < 3; ++lane) {
          plan.lanes.push_back({5, 0});
          plan.weaves.push_back(WeaveFor(Gc(4, 1), {}, {lane}, Range(0, 4)));
          plan.weaves.back().gang = gang;
        }
        if (order == "greedy") {
          plan.lanes[1].needs.push_back({0, 0, true});
          plan.lanes[2].needs.push_back({1, 0, true});
        } else if (order == "in step") {
          NeedEachOther(&plan, 1);
        } else {
          TakeTurnsByParity(&plan);
        }
        Play(std::move(plan), seed);
      }
    }
  }
}

TEST(LanesTest, AFinishedLaneGivesUpWhatOthersHaveInFlight) {
  CorePlan plan = PlanFor(Gc(4, 1), {}, 1, 100);
  plan.lanes.push_back({100, 0});
  plan.weaves[0].slots = Range(0, 4);
  plan.weaves.push_back(WeaveFor(Gc(4, 1), {}, {1}, Range(0, 4)));
  plan.min_workers = 4;
  CoreDriver driver(std::move(plan));
  driver.apply_at_once = false;
  for (WorkerId worker = 1; worker <= 4; ++worker) driver.Join(worker, absl::StrCat("w", worker));
  driver.Answer(1);  // slots 0 and 1 hold lane 0's two parts
  driver.Answer(2);
  ASSERT_EQ(driver.applying.size(), 1u);
  driver.applying.clear();
  driver.Send(JobApplied{0, {0, 1}});
  EXPECT_TRUE(driver.finished) << "both lanes are done";
  for (const auto& [worker, tasks] : driver.asked) EXPECT_TRUE(tasks.empty());
}

TEST(LanesTest, AnEvaluationEndsLanesWhateverTheyAreAt) {
  CorePlan plan = PlanFor(Gc(2, 0), {}, 1, 100);
  plan.lanes.push_back({100, 0});
  plan.weaves.push_back(WeaveFor(Gc(2, 0), {}, {1}, Range(0, 2)));
  plan.min_workers = 2;
  CoreDriver driver(std::move(plan));
  driver.apply_at_once = false;
  for (WorkerId worker = 1; worker <= 2; ++worker) driver.Join(worker, absl::StrCat("w", worker));
  driver.Answer(1);
  driver.Answer(2);
  ASSERT_EQ(driver.applying.size(), 1u) << "lane 0's first job";
  const int applying = driver.applying.front().lane;
  driver.Send(LanesFinished{{1 - applying}});
  EXPECT_FALSE(driver.finished);
  for (const auto& [worker, tasks] : driver.asked) {
    EXPECT_TRUE(tasks.empty()) << "nobody needs what is in flight";
  }
  driver.Send(LanesFinished{{applying}});
  EXPECT_TRUE(driver.finished);
  driver.Send(JobApplied{applying});
  EXPECT_EQ(driver.failed, "");
}

// A lane that needs the end of another one, whose last job an earlier life has applied.
TEST(LanesTest, AnEffectOfAnEarlierLifeIsWaitedFor) {
  CorePlan plan = PlanFor(Gc(1, 0), {}, 2, 3);
  plan.lanes[0].first_job = 2;
  plan.lanes[0].applying = true;
  plan.lanes[1].needs.push_back({0, 0, true});
  CoreDriver driver(std::move(plan));
  driver.Join(1, "a");
  EXPECT_TRUE(driver.asked[1].empty());
  driver.Send(JobApplied{0});
  ASSERT_EQ(driver.asked[1].size(), 1u);
  EXPECT_EQ(driver.asked[1].front().lane, 1);
  for (int job = 0; job < 3; ++job) driver.AnswerAll(1);
  EXPECT_TRUE(driver.finished);
}

TEST(LanesTest, APausedLaneWaitsForReconfigure) {
  CorePlan plan = PlanFor(Gc(2, 0), {}, 2, 4);
  plan.lanes[0].pause_at = 1;
  plan.lanes[1].pause_at = 3;
  plan.min_workers = 2;
  CoreDriver driver(std::move(plan));
  driver.Join(1, "a");
  driver.Join(2, "b");
  for (int i = 0; i < 4; ++i) {
    driver.AnswerAll(1);
    driver.AnswerAll(2);
  }
  EXPECT_EQ(driver.core().NextJobs(), (std::vector<int64_t>{1, 3}));
  EXPECT_TRUE(driver.asked[1].empty());
  EXPECT_FALSE(driver.finished);
  std::vector<WeavePlan> weaves;
  weaves.push_back(WeaveFor(Gc(2, 1), {}, {0, 1}, Range(0, 2)));
  driver.Reconfigure(std::move(weaves), {4, 4});
  for (int i = 0; i < 9 && !driver.finished; ++i) driver.AnswerAll(1);
  EXPECT_TRUE(driver.finished);
}

TEST(LanesTest, RefusesNeedsOfLanesThatAreNotThere) {
  CorePlan plan = PlanFor(Gc(2, 0), {}, 2, 3);
  plan.lanes[1].needs.push_back({2, 0});
  EXPECT_THAT(std::string(CoordinatorCore::Create(std::move(plan)).status().message()),
              HasSubstr("lane 1 needs lane 2: there are 2 lanes"));
}

}  // namespace
}  // namespace gradloom
