// Weaves that are replaced while a run is under way.
#include <algorithm>
#include <iterator>
#include <random>

#include "absl/strings/str_cat.h"
#include "coordinator/core/coordinator_core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"
#include "tests/coordinator/core/core_driver.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

std::vector<WeavePlan> One(WeavePlan weave) {
  std::vector<WeavePlan> out;
  out.push_back(std::move(weave));
  return out;
}

TEST(ReconfigureTest, AJobInFlightIsFinishedUnderItsOldWeave) {
  CorePlan plan = PlanFor(Gc(4, 0), {}, 1, 3);
  plan.min_workers = 4;
  CoreDriver driver(std::move(plan));
  for (WorkerId worker = 1; worker <= 4; ++worker) driver.Join(worker, absl::StrCat("w", worker));
  driver.Answer(1);
  driver.Reconfigure(One(WeaveFor(Gc(4, 3), {}, {0}, Range(0, 4))));
  EXPECT_TRUE(driver.asked[1].empty()) << "the lane's job is still in flight";
  driver.Answer(2);
  driver.Answer(3);
  EXPECT_TRUE(driver.applied_order.empty()) << "the old scheme needs everybody";
  driver.Answer(4);
  ASSERT_EQ(driver.applied_order.size(), 1u);
  ASSERT_EQ(driver.asked[1].size(), 1u);
  EXPECT_EQ(driver.asked[1][0].weave, 1);
  EXPECT_EQ(driver.asked[1][0].lane_job, 1);
  driver.Answer(3);
  EXPECT_EQ(driver.applied_order.size(), 2u) << "the new one needs anybody";
}

TEST(ReconfigureTest, LanesMoveOneByOneWithoutABarrier) {
  CorePlan plan;
  plan.slots = 2;
  plan.min_workers = 2;
  plan.lanes = {{4, 0}, {4, 0}};
  plan.weaves.push_back(WeaveFor(Gc(1, 0), {}, {0}, {0}));
  plan.weaves.push_back(WeaveFor(Gc(1, 0), {}, {1}, {1}));
  CoreDriver driver(std::move(plan));
  driver.Join(1, "a");
  driver.Join(2, "b");
  std::vector<WeavePlan> overlap;
  overlap.push_back(WeaveFor(Gc(2, 0), {}, {0}, {0, 1}));
  overlap.push_back(WeaveFor(Gc(2, 0), {}, {1}, {0, 1}));
  driver.Reconfigure(std::move(overlap));
  driver.Answer(1);
  ASSERT_EQ(driver.asked[1].size(), 1u) << "lane 0 goes on under its new weave";
  EXPECT_EQ(driver.asked[1][0].weave, 2);
  ASSERT_EQ(driver.asked[2].size(), 2u) << "lane 1's old task first, then lane 0's new one";
  EXPECT_EQ(driver.asked[2][0].weave, 1);
  EXPECT_EQ(driver.asked[2][1].weave, 2);
  while (!driver.finished) {
    driver.AnswerAll(1);
    driver.AnswerAll(2);
  }
  EXPECT_EQ(driver.applied_order.size(), 8u);
}

TEST(ReconfigureTest, TheOldSchemeLivesUntilItsLastJobIsApplied) {
  CorePlan plan = PlanFor(Gc(2, 0), {}, 1, 2);
  CoreDriver driver(std::move(plan));
  driver.apply_at_once = false;
  driver.Join(1, "a");
  driver.AnswerAll(1);
  ASSERT_EQ(driver.applying.size(), 1u);
  driver.Reconfigure(One(WeaveFor(Gc(2, 1), {}, {0}, {0, 1})));
  EXPECT_THAT(driver.core().scheme(driver.applying[0].weave).description(), HasSubstr("s=0"));
  driver.Applied();
  ASSERT_FALSE(driver.asked[1].empty());
  EXPECT_EQ(driver.asked[1][0].weave, 1);
}

TEST(ReconfigureTest, ADelayedSchemeFinishesItsJobsWithVoidRounds) {
  const SchemeSpec delayed = MSgc(4, 1, 3, 1);  // T = 2
  CoreDriver driver(PlanFor(delayed, {}, 3, 4));
  driver.Join(1, "a");
  driver.AnswerAll(1);
  EXPECT_TRUE(driver.applied_order.empty());
  driver.Reconfigure(One(WeaveFor(Gc(4, 1), {}, {0, 1, 2}, Range(0, 4))));
  for (int step = 0; step < 100 && !driver.finished; ++step) driver.AnswerAll(1);
  EXPECT_TRUE(driver.finished);
  EXPECT_EQ(driver.applied_order.size(), 12u);
}

// A delay on purpose is drawn by it: new weaves number their rounds from 0, but do not face the
// first delays once more.
TEST(ReconfigureTest, F23_SlotsCountTheirInvocationsOverAllWeaves) {
  CoreDriver driver(PlanFor(Gc(4, 0), {}, 3, 4));
  driver.Join(1, "a");
  for (int job = 0; job < 3; ++job) driver.AnswerAll(1);
  driver.Reconfigure(One(WeaveFor(MSgc(4, 1, 3, 1), {}, {0, 1, 2}, Range(0, 4))));
  driver.AnswerAll(1);
  driver.AnswerAll(1);
  std::vector<WeavePlan> overlap;
  for (int lane = 0; lane < 3; ++lane) {
    overlap.push_back(WeaveFor(Gc(4, 1), {}, {lane}, Range(0, 4)));
  }
  driver.Reconfigure(std::move(overlap));
  for (int step = 0; step < 100 && !driver.finished; ++step) driver.AnswerAll(1);
  EXPECT_TRUE(driver.finished);
  for (const auto& [slot, invocations] : driver.slot_invocations) {
    EXPECT_GE(invocations.size(), 8u) << "slot " << slot;
    for (size_t k = 0; k < invocations.size(); ++k) EXPECT_EQ(invocations[k], k);
  }
}

TEST(ReconfigureTest, TheLaneFurthestBehindHasTheFirstTurn) {
  CoreDriver driver(PlanFor(Gc(2, 1), {}, 3, 4));
  driver.Join(1, "a");
  driver.Answer(1);  // lane 0
  driver.Answer(1);  // lane 1; lane 2's job is in flight
  driver.Answer(1);  // lane 2; lane 0's second job is in flight
  driver.Reconfigure(One(WeaveFor(Gc(2, 0), {}, {0, 1, 2}, {0, 1})));
  ASSERT_FALSE(driver.asked[1].empty());
  const auto of_new = std::find_if(driver.asked[1].begin(), driver.asked[1].end(),
                                   [](const AssignedTask& task) { return task.weave == 1; });
  ASSERT_NE(of_new, driver.asked[1].end());
  EXPECT_EQ(of_new->lane, 1);
}

TEST(ReconfigureTest, WhatIsNotLegalEndsTheRunWithItsReason) {
  const auto failure = [](WeavePlan weave) {
    CoreDriver driver(PlanFor(Gc(2, 1), {}, 2, 2));
    driver.Join(1, "a");
    driver.Reconfigure(One(std::move(weave)));
    return driver.failed;
  };
  EXPECT_THAT(failure(WeaveFor(Gc(2, 1), {}, {0}, {0, 1})), HasSubstr("lane 1"));
  EXPECT_THAT(failure(WeaveFor(Gc(2, 1), {}, {0, 1}, {0, 2})), HasSubstr("slot 2"));
  EXPECT_THAT(failure(WeaveFor(MSgc(2, 1, 3, 1), {}, {0, 1}, {0, 1})), HasSubstr("T = 2"));
}

// One of the arrangements that a lane count allows.
std::vector<WeavePlan> AnyWeaves(std::mt19937& random, int slots, int lanes) {
  std::vector<WeavePlan> out;
  switch (random() % 6) {
    case 0:
      return One(WeaveFor(Gc(slots, static_cast<int>(random() % slots)), {}, Range(0, lanes),
                          Range(0, slots)));
    case 1:
      return One(WeaveFor(MSgc(slots, 1, 2, 1), {}, Range(0, lanes), Range(0, slots)));
    case 2:
      return One(WeaveFor(SrSgc(slots, 1, 2, 2), {}, Range(0, lanes), Range(0, slots)));
    default:
      const int gang = random() % 2 == 0 ? 0 : -1;
      const bool messages = random() % 2 == 0;
      for (int lane = 0; lane < lanes; ++lane) {
        out.push_back(
            WeaveFor(messages ? MultiMessage(slots) : Gc(slots, 1), {}, {lane}, Range(0, slots)));
        out.back().gang = gang;
      }
      return out;
  }
}

// Workers are slow, die and come back while weaves are replaced at any time, often before the ones
// before are drained; every lane's jobs are applied once, in order, and the run ends.
TEST(ReconfigureTest, EveryJobOnceInOrderWhateverHappens) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937 random(seed);
    const int slots = 6, lanes = 3;
    const int64_t jobs = 8;
    CorePlan plan = PlanFor(Gc(slots, 1), {}, lanes, jobs);
    plan.weaves = AnyWeaves(random, slots, lanes);
    CoreDriver driver(std::move(plan));
    driver.apply_at_once = random() % 2 == 0;
    WorkerId next = 1;
    std::map<WorkerId, std::string> names;
    std::vector<std::string> dead;
    for (int i = 0; i < 4; ++i) {
      names[next] = absl::StrCat("w", i);
      driver.Join(next, names[next]);
      ++next;
    }
    for (int step = 0; !driver.finished; ++step) {
      ASSERT_TRUE(driver.failed.empty()) << driver.failed;
      ASSERT_LT(step, 100000) << "no progress";
      driver.now += absl::Milliseconds(random() % 50);
      const uint32_t draw = random() % 100;
      if (draw < 2 && !driver.alive.empty()) {
        const WorkerId victim = *std::next(driver.alive.begin(), random() % driver.alive.size());
        dead.push_back(names[victim]);
        driver.Lose(victim);
      } else if (draw < 8 && !dead.empty()) {
        names[next] = dead.back();
        dead.pop_back();
        driver.Join(next, names[next]);
        ++next;
      } else if (draw < 14) {
        driver.Reconfigure(AnyWeaves(random, slots, lanes));
      } else if (draw < 24 && !driver.dropped.empty()) {
        driver.Send(TaskDropped{driver.dropped[random() % driver.dropped.size()],
                                absl::Milliseconds(random() % 500)});
      } else if (draw < 40 && !driver.applying.empty()) {
        driver.Applied();
      } else if (draw < 46) {
        driver.Send(Tick{});
      } else if (!driver.alive.empty()) {
        const WorkerId worker = *std::next(driver.alive.begin(), random() % driver.alive.size());
        if (!driver.asked[worker].empty()) driver.Answer(worker);
      }
    }
    ASSERT_EQ(driver.applied_order.size(), lanes * jobs);
  }
}

}  // namespace
}  // namespace gradloom
