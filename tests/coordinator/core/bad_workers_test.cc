// One bad worker is no end of a run: it is rested and named, its slots go to others.
#include <map>
#include <string>
#include <vector>

#include "coordinator/core/coordinator_core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"
#include "tests/coordinator/core/core_driver.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

// Uncoded: nobody can be done without.
CorePlan Uncoded(int slots, int64_t jobs) {
  CorePlan plan = PlanFor(Spec("uncoded", slots), {}, 1, jobs);
  plan.min_workers = slots;
  return plan;
}

TEST(BadWorkersTest, F18_AWorkerWhoseTasksFailIsRestedAndEndsNothing) {
  CoreDriver driver(Uncoded(3, 20));
  driver.Join(1, "a");
  driver.Join(2, "sick");
  driver.Join(3, "c");
  for (int turn = 0; turn < 200 && !driver.finished; ++turn) {
    driver.now += absl::Milliseconds(100);
    driver.Send(Tick{});
    while (!driver.asked[2].empty()) driver.Fail(2, "no space left on device");
    driver.AnswerAll(1);
    driver.AnswerAll(3);
    ASSERT_EQ(driver.failed, "");
  }
  EXPECT_TRUE(driver.finished);
  ASSERT_FALSE(driver.rested.empty());
  for (const WorkerRested& rest : driver.rested) {
    EXPECT_EQ(rest.worker, 2u);
    EXPECT_THAT(rest.why, HasSubstr("worker sick failed at a task"));
    EXPECT_THAT(rest.why, HasSubstr("no space left on device"));
  }
  EXPECT_EQ(driver.core().counters().workers_rested, driver.core().counters().tasks_failed);
}

TEST(BadWorkersTest, F18_RestsGrowAndAReconnectIsNoPardon) {
  CoreDriver driver(Uncoded(2, 100));
  driver.Join(1, "a");
  driver.Join(2, "sick");
  driver.Fail(2, "x");
  driver.Lose(2);
  driver.Join(3, "sick");
  EXPECT_TRUE(driver.asked[3].empty()) << "it still rests";
  for (int i = 0; i < 2; ++i) {
    driver.now = driver.rested.back().until;
    driver.Send(Tick{});
    driver.AnswerAll(1);  // slots are evened out between rounds
    ASSERT_FALSE(driver.asked[3].empty());
    driver.Fail(3, "x");
  }
  ASSERT_EQ(driver.rested.size(), 3u);
  EXPECT_EQ(driver.rested[2].until - driver.now, absl::Seconds(4));
}

TEST(BadWorkersTest, F18_WhatFailsAtSeveralWorkersFailsForGood) {
  CorePlan plan = Uncoded(2, 1);
  plan.judge.max_task_attempts = 3;
  CoreDriver driver(std::move(plan));
  driver.Join(1, "a");
  driver.Join(2, "b");
  driver.AnswerAll(1);
  driver.Fail(2, "out of memory");
  driver.Fail(1, "out of memory");  // slot 1 is its now
  ASSERT_EQ(driver.failed, "");
  driver.now += absl::Seconds(2);
  driver.Send(Tick{});
  for (WorkerId worker : {1, 2}) {
    if (!driver.asked[worker].empty()) driver.Fail(worker, "out of memory");
  }
  EXPECT_THAT(driver.failed, HasSubstr("failed 3 times (limits.max_task_attempts) at a, b"));
}

TEST(BadWorkersTest, F18_OneWorkersFatalIsAskedOfAnother) {
  CoreDriver driver(Uncoded(2, 1));
  driver.Join(1, "a");
  driver.Join(2, "mistaken");
  driver.AnswerAll(1);
  driver.Fail(2, "element 3 is NaN", /*fatal=*/true);
  ASSERT_EQ(driver.failed, "");
  driver.AnswerAll(1);
  EXPECT_TRUE(driver.finished);
}

TEST(BadWorkersTest, F18_AFatalThatASecondWorkerConfirmsEndsTheRun) {
  CoreDriver driver(Uncoded(2, 1));
  driver.Join(1, "a");
  driver.Join(2, "b");
  driver.AnswerAll(1);
  driver.Fail(2, "element 3 is NaN", /*fatal=*/true);
  driver.Fail(1, "element 3 is NaN", /*fatal=*/true);
  EXPECT_THAT(driver.failed, HasSubstr("failed at a, b: element 3 is NaN"));
}

TEST(BadWorkersTest, F18_AMuteWorkersSlotMovesToThoseThatAnswer) {
  CoreDriver driver(Uncoded(3, 3));
  driver.Join(1, "a");
  driver.Join(2, "mute");
  driver.Join(3, "c");
  driver.now += absl::Milliseconds(20);
  driver.AnswerAll(1);
  driver.AnswerAll(3);
  ASSERT_TRUE(driver.rested.empty());
  ASSERT_LT(driver.core().NextTimeout(), driver.now + absl::Seconds(2)) << "somebody must look";
  for (int turn = 0; turn < 30 && driver.rested.empty(); ++turn) {
    driver.now = driver.core().NextTimeout();
    driver.Send(Tick{});
  }
  ASSERT_EQ(driver.rested.size(), 1u);
  EXPECT_THAT(driver.rested[0].why, HasSubstr("worker mute has not answered for"));
  driver.AnswerAll(1);
  driver.AnswerAll(3);
  EXPECT_EQ(driver.applied_order.size(), 1u) << "the round is over without it";
}

TEST(BadWorkersTest, F18_WhereAllAreSlowNobodyIsRested) {
  CoreDriver driver(Uncoded(2, 2));
  driver.Join(1, "a");
  driver.Join(2, "b");
  driver.now += absl::Milliseconds(20);
  driver.AnswerAll(1);
  driver.AnswerAll(2);
  for (int turn = 0; turn < 100; ++turn) {
    driver.now += absl::Seconds(1);
    driver.Send(Tick{});
  }
  EXPECT_TRUE(driver.rested.empty());
  driver.AnswerAll(1);
  driver.AnswerAll(2);
  EXPECT_TRUE(driver.finished);
}

TEST(BadWorkersTest, OnlyTheHolderOfATaskHasASayInIt) {
  CoreDriver driver(Uncoded(2, 1));
  driver.Join(1, "a");
  driver.Join(2, "b");
  driver.Send(TaskFailedEvent{driver.asked[1][0].id, 2, true, "forged"});
  EXPECT_EQ(driver.failed, "");
  EXPECT_TRUE(driver.rested.empty());
}

TEST(BadWorkersTest, F01_TaskNumbersNeverRepeatOverTheLivesOfARun) {
  std::map<TaskId, uint64_t> seen;  // life
  for (const uint64_t life : {0, 1, 2}) {
    CorePlan plan = Uncoded(2, 50);
    plan.life = life;
    CoreDriver driver(std::move(plan));
    driver.Join(1, "a");
    driver.Join(2, "b");
    while (!driver.finished) {
      for (WorkerId worker : {1, 2}) {
        for (const AssignedTask& task : driver.asked[worker]) {
          EXPECT_EQ(seen.try_emplace(task.id, life).first->second, life);
        }
        driver.AnswerAll(worker);
      }
    }
  }
}

}  // namespace
}  // namespace gradloom
