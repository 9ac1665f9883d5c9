#include "coordinator/core/coordinator_core.h"

#include <algorithm>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"
#include "tests/coordinator/core/core_driver.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

TEST(CoordinatorCoreTest, TrainsALaneToItsEnd) {
  CorePlan plan = PlanFor(Gc(4, 1), {}, 1, 3);
  plan.min_workers = 4;
  CoreDriver driver(std::move(plan));
  for (WorkerId worker = 1; worker <= 4; ++worker) driver.Join(worker, absl::StrCat("w", worker));
  while (!driver.finished) {
    for (WorkerId worker = 1; worker <= 4; ++worker) driver.AnswerAll(worker);
  }
  EXPECT_EQ(driver.applied_order, (std::vector<std::pair<int, int64_t>>{{0, 0}, {0, 1}, {0, 2}}));
  EXPECT_EQ(driver.core().counters().rounds, 3);
}

TEST(CoordinatorCoreTest, ClosesWithoutStragglersAndDropsTheirWork) {
  CorePlan plan = PlanFor(Gc(4, 1), {}, 1, 2);
  plan.min_workers = 4;
  CoreDriver driver(std::move(plan));
  for (WorkerId worker = 1; worker <= 4; ++worker) driver.Join(worker, absl::StrCat("w", worker));
  // Slots 0,2 and 1,3 are the repetition groups; worker i holds slot i - 1.
  driver.Answer(1);
  EXPECT_TRUE(driver.rounds.empty());
  const TaskId straggling = driver.asked[2].front().id;
  driver.Answer(4);
  ASSERT_EQ(driver.rounds.size(), 1u);
  EXPECT_EQ(driver.rounds[0].stragglers, (std::vector<int>{1, 2}));
  ASSERT_EQ(driver.asked[2].size(), 1u) << "the old task was dropped, the next round's is there";
  EXPECT_EQ(driver.asked[2][0].lane_job, 1);
  driver.Send(ReplyReceived{straggling});
  EXPECT_EQ(driver.core().counters().replies_stale, 1);
  EXPECT_EQ(driver.applied_order.size(), 1u);
}

TEST(CoordinatorCoreTest, F28_AnAppliedJobTellsItsRoundAndWhatItDidWithout) {
  CorePlan plan = PlanFor(Gc(4, 1), {}, 1, 3);
  plan.min_workers = 4;
  CoreDriver driver(std::move(plan));
  driver.apply_at_once = false;
  for (WorkerId worker = 1; worker <= 4; ++worker) driver.Join(worker, absl::StrCat("w", worker));
  const auto expect = [&](int64_t job, int stragglers) {
    ASSERT_EQ(driver.applying.size(), 1u);
    EXPECT_EQ(driver.applying[0].round, job);
    EXPECT_EQ(driver.applying[0].stragglers, stragglers);
    driver.Applied();
  };
  // Slots 0,2 and 1,3 are the repetition groups.
  driver.Answer(1);
  driver.Answer(4);
  expect(0, 2);
  driver.Answer(1);
  driver.Answer(3);
  driver.Answer(2);
  expect(1, 1);
  driver.Answer(2);
  driver.Answer(1);
  expect(2, 2);
}

// Weaves number their rounds each for itself; what is told of a job is the run's number.
TEST(CoordinatorCoreTest, F28_RoundsAreNumberedOverAllWeaves) {
  CorePlan plan;
  plan.slots = 4;
  plan.min_workers = 2;
  for (int lane = 0; lane < 3; ++lane) plan.lanes.push_back({4, 0});
  plan.weaves.push_back(WeaveFor(Gc(2, 0), {}, {0, 1}, {0, 1}));
  plan.weaves.push_back(WeaveFor(Gc(2, 0), {}, {2}, {2, 3}));
  CoreDriver driver(std::move(plan));
  driver.apply_at_once = false;
  driver.Join(1, "a");
  driver.Join(2, "b");
  std::vector<int64_t> rounds;
  for (int step = 0; !driver.finished; ++step) {
    for (WorkerId worker : {1, 2}) driver.AnswerAll(worker);
    while (!driver.applying.empty()) {
      rounds.push_back(driver.applying[0].round);
      EXPECT_EQ(driver.applying[0].stragglers, 0);
      driver.Applied();
    }
    if (step == 2) {
      std::vector<WeavePlan> others;
      others.push_back(WeaveFor(Gc(4, 0), {}, {0, 1, 2}, {0, 1, 2, 3}));
      driver.Reconfigure(std::move(others));
    }
  }
  std::sort(rounds.begin(), rounds.end());
  EXPECT_EQ(rounds, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}))
      << "none repeats, none is left out";
}

TEST(CoordinatorCoreTest, AChunkThatIsThereIsDroppedElsewhereAndReplacedInTheSameGo) {
  CorePlan plan = PlanFor(MultiMessage(4), {}, 1, 2);
  plan.min_workers = 4;
  CoreDriver driver(std::move(plan));
  for (WorkerId worker = 1; worker <= 4; ++worker) driver.Join(worker, absl::StrCat("w", worker));
  const auto parts = [&](WorkerId worker) {
    std::vector<int> out;
    for (const AssignedTask& task : driver.asked[worker]) out.push_back(task.part);
    return out;
  };
  // Worker i holds slot i - 1.
  EXPECT_EQ(parts(1), (std::vector<int>{0, 2}));
  EXPECT_EQ(parts(3), (std::vector<int>{2, 0}));
  const uint64_t invocation = driver.asked[3][0].invocation;
  EXPECT_NE(driver.asked[1][0].invocation, invocation);
  driver.Answer(1);
  EXPECT_EQ(parts(1), (std::vector<int>{2, 1})) << "the next of its order";
  EXPECT_EQ(parts(3), (std::vector<int>{2, 3})) << "chunk 0 is there";
  for (const AssignedTask& task : driver.asked[3]) EXPECT_EQ(task.invocation, invocation);
  // Worker 1 does all the rest by itself.
  while (driver.applied_order.empty()) driver.Answer(1);
  ASSERT_EQ(driver.rounds.size(), 1u);
  EXPECT_EQ(driver.rounds[0].stragglers, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(driver.core().counters().replies, 4);
  EXPECT_EQ(parts(3), (std::vector<int>{2, 0})) << "the next job's";
  EXPECT_NE(driver.asked[3][0].invocation, invocation);
}

TEST(CoordinatorCoreTest, AGangsSlotComputesForEveryLaneBeforeItsSecondChunk) {
  CorePlan plan;
  plan.slots = 2;
  plan.min_workers = 2;
  for (int lane = 0; lane < 3; ++lane) {
    plan.lanes.push_back({1, 0});
    plan.weaves.push_back(WeaveFor(MultiMessage(2), {}, {lane}, {0, 1}));
    plan.weaves.back().gang = 0;
  }
  CoreDriver driver(std::move(plan));
  driver.Join(1, "a");
  driver.Join(2, "b");
  std::vector<std::pair<int, int>> asked;
  for (const AssignedTask& task : driver.asked[1]) asked.emplace_back(task.lane, task.part);
  EXPECT_EQ(asked,
            (std::vector<std::pair<int, int>>{{0, 0}, {1, 0}, {2, 0}, {0, 1}, {1, 1}, {2, 1}}));
  std::set<uint64_t> invocations;
  for (const AssignedTask& task : driver.asked[1]) invocations.insert(task.invocation);
  EXPECT_EQ(invocations.size(), 1u);
}

TEST(CoordinatorCoreTest, WaitsForEffectsOfTheSameLaneOnly) {
  CoreDriver driver(PlanFor(Gc(2, 0), {}, 2, 2));
  driver.apply_at_once = false;
  driver.Join(1, "a");
  driver.Join(2, "b");  // min_workers is 1: the first holds both slots until the next round
  driver.AnswerAll(1);
  EXPECT_EQ(driver.applying.size(), 1u);
  EXPECT_EQ(driver.asked[1].size() + driver.asked[2].size(), 2u) << "lane 1 goes on meanwhile";
  driver.AnswerAll(1);
  driver.AnswerAll(2);
  EXPECT_EQ(driver.applying.size(), 2u);
  EXPECT_EQ(driver.asked[1].size() + driver.asked[2].size(), 0u) << "both lanes are being applied";
  driver.Applied();
  EXPECT_EQ(driver.asked[1].size() + driver.asked[2].size(), 2u);
}

TEST(CoordinatorCoreTest, ALostWorkersSlotWaitsForItsGraceThenDoublesUp) {
  CorePlan plan = PlanFor(Gc(2, 0), {}, 1, 1);
  plan.min_workers = 2;
  plan.judge.patience_min = absl::InfiniteDuration();
  CoreDriver driver(std::move(plan));
  driver.Join(1, "a");
  driver.Join(2, "b");
  driver.Lose(2);
  driver.AnswerAll(1);
  EXPECT_FALSE(driver.finished);
  EXPECT_EQ(driver.core().NextTimeout(), driver.now + absl::Seconds(2));
  driver.now += absl::Seconds(2);
  driver.Send(Tick{});
  ASSERT_EQ(driver.asked[1].size(), 1u);
  EXPECT_EQ(driver.asked[1][0].attempt, 1);
  driver.AnswerAll(1);
  EXPECT_TRUE(driver.finished);
}

TEST(CoordinatorCoreTest, AWorkerThatComesBackTakesItsSlotBack) {
  CorePlan plan = PlanFor(Gc(2, 0), {}, 1, 1);
  plan.min_workers = 2;
  CoreDriver driver(std::move(plan));
  driver.Join(1, "a");
  driver.Join(2, "b");
  const int slot = driver.asked[2][0].slot;
  driver.Lose(2);
  driver.Join(3, "b");
  ASSERT_EQ(driver.asked[3].size(), 1u);
  EXPECT_EQ(driver.asked[3][0].slot, slot);
}

TEST(CoordinatorCoreTest, ASpareTakesOverAtOnce) {
  CorePlan plan = PlanFor(Gc(2, 0), {}, 1, 1);
  plan.min_workers = 3;
  CoreDriver driver(std::move(plan));
  for (WorkerId worker = 1; worker <= 3; ++worker) driver.Join(worker, absl::StrCat("w", worker));
  EXPECT_TRUE(driver.asked[3].empty());
  driver.Lose(1);
  EXPECT_EQ(driver.asked[3].size(), 1u);
}

TEST(CoordinatorCoreTest, SurvivesTheLossOfEveryWorker) {
  CoreDriver driver(PlanFor(Gc(4, 1), {}, 1, 2));
  driver.Join(1, "a");
  driver.Lose(1);
  driver.now += absl::Hours(1);
  driver.Send(Tick{});
  EXPECT_TRUE(driver.failed.empty());
  driver.Join(2, "other");
  while (!driver.finished) driver.AnswerAll(2);
}

TEST(CoordinatorCoreTest, NewWorkersShareTheSlots) {
  CoreDriver driver(PlanFor(Gc(4, 1), {}, 1, 3));
  driver.Join(1, "a");
  EXPECT_EQ(driver.asked[1].size(), 4u);
  driver.Join(2, "b");
  driver.AnswerAll(1);
  EXPECT_EQ(driver.asked[1].size(), 2u);
  EXPECT_EQ(driver.asked[2].size(), 2u);
}

TEST(CoordinatorCoreTest, RetriesAFailedTaskUpToTheLimitWithPauses) {
  CoreDriver driver(PlanFor(Gc(1, 0), {}, 1, 1));
  driver.Join(1, "a");
  for (int attempt = 0; attempt < 5; ++attempt) {
    ASSERT_TRUE(driver.failed.empty());
    ASSERT_EQ(driver.asked[1].size(), 1u);
    EXPECT_EQ(driver.asked[1][0].attempt, attempt);
    driver.Fail(1, "out of memory");
    if (attempt == 4) break;
    EXPECT_TRUE(driver.asked[1].empty()) << "it rests";
    const absl::Time rested = driver.core().NextTimeout();
    EXPECT_EQ(rested, driver.now + (1 << attempt) * absl::Seconds(1));
    driver.now = rested;
    driver.Send(Tick{});
  }
  EXPECT_THAT(driver.failed, HasSubstr("failed 5 times"));
  EXPECT_THAT(driver.failed, HasSubstr("at a"));
  EXPECT_THAT(driver.failed, HasSubstr("out of memory"));
}

TEST(CoordinatorCoreTest, AFatalFailureEndsTheRunOfASingleWorker) {
  CoreDriver driver(PlanFor(Gc(2, 1), {}, 1, 1));
  driver.Join(1, "a");
  driver.Fail(1, "example 17 is NaN", /*fatal=*/true);
  EXPECT_THAT(driver.failed, HasSubstr("example 17 is NaN"));
  EXPECT_TRUE(driver.asked[1].empty()) << "everything outstanding is dropped";
}

TEST(CoordinatorCoreTest, StopsAfterTheUpdateUnderWay) {
  CoreDriver driver(PlanFor(Gc(2, 0), {}, 1, 5));
  driver.apply_at_once = false;
  driver.Join(1, "a");
  driver.AnswerAll(1);
  driver.Send(StopRequested{});
  EXPECT_FALSE(driver.cancelled);
  driver.Applied();
  EXPECT_TRUE(driver.cancelled);
}

TEST(CoordinatorCoreTest, ARoundThatNeverEndsFailsAndNamesTheMissing) {
  CorePlan plan = PlanFor(Gc(2, 0), {}, 1, 1);
  plan.round_timeout = absl::Seconds(30);
  plan.min_workers = 2;
  plan.judge.patience_min = absl::InfiniteDuration();
  CoreDriver driver(std::move(plan));
  driver.Join(1, "a");
  driver.Join(2, "b");
  driver.Answer(1);
  EXPECT_EQ(driver.core().NextTimeout(), driver.now + absl::Seconds(30));
  driver.now += absl::Seconds(30);
  driver.Send(Tick{});
  EXPECT_THAT(driver.failed, HasSubstr("round_timeout"));
  EXPECT_THAT(driver.failed, HasSubstr("not answered: 1 (worker b)"));
}

TEST(CoordinatorCoreTest, ResumesLanesWhereTheyWere) {
  CorePlan plan = PlanFor(Gc(2, 1), {}, 2, 3);
  plan.lanes[0].first_job = 2;
  plan.lanes[1].first_job = 3;  // done
  CoreDriver driver(std::move(plan));
  driver.Join(1, "a");
  while (!driver.finished) driver.AnswerAll(1);
  EXPECT_EQ(driver.applied_order, (std::vector<std::pair<int, int64_t>>{{0, 2}}));
}

TEST(CoordinatorCoreTest, F23_WhatIsAssignedAnewIsTheSameInvocationOfItsSlot) {
  CorePlan plan = PlanFor(Gc(2, 0), {}, 1, 3);
  plan.min_workers = 2;
  plan.invocations_before = 7;
  CoreDriver driver(std::move(plan));
  driver.Join(1, "a");
  driver.Join(2, "b");
  driver.AnswerAll(1);
  driver.AnswerAll(2);
  ASSERT_EQ(driver.asked[1].size(), 1u);
  const AssignedTask failing = driver.asked[1][0];
  EXPECT_EQ(failing.slot_invocation, 8u) << "the second of this life";
  driver.Fail(1, "disk full");
  const auto of_slot_0 = [&driver](WorkerId worker) {
    const std::vector<AssignedTask>& asked = driver.asked[worker];
    const auto found = std::find_if(asked.begin(), asked.end(),
                                    [](const AssignedTask& task) { return task.slot == 0; });
    return found == asked.end() ? AssignedTask{} : *found;
  };
  EXPECT_EQ(of_slot_0(2).slot_invocation, 8u) << "tried again, elsewhere";
  EXPECT_NE(of_slot_0(2).invocation, failing.invocation);
  driver.Lose(2);
  driver.Join(3, "b");
  EXPECT_EQ(of_slot_0(3).slot_invocation, 8u) << "and once more";
  driver.AnswerAll(3);
  EXPECT_EQ(of_slot_0(3).slot_invocation, 9u);
}

TEST(CoordinatorCoreTest, RefusesADelayWithoutLanes) {
  const auto core = CoordinatorCore::Create(PlanFor(MSgc(4, 1, 2, 1), {}, 1, 3));
  EXPECT_EQ(core.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(core.status().message(), HasSubstr("T = 1"));
}

TEST(CoordinatorCoreTest, AGangStartsItsRoundsTogether) {
  CorePlan plan;
  plan.slots = 2;
  plan.lanes = {{2, 0}, {1, 0}};
  for (int lane : {0, 1}) {
    plan.weaves.push_back(WeaveFor(Gc(2, 1), {}, {lane}, {0, 1}));
    plan.weaves.back().gang = 7;
  }
  CoreDriver driver(std::move(plan));
  driver.apply_at_once = false;
  driver.Join(1, "a");
  ASSERT_EQ(driver.asked[1].size(), 4u) << "both lanes, both slots";
  driver.Answer(1);  // a slot's tasks of lane 0 and lane 1 come one after the other
  driver.Answer(1);
  ASSERT_EQ(driver.applying.size(), 2u);
  driver.Applied();
  EXPECT_TRUE(driver.asked[1].empty()) << "lane 1 is still being applied";
  driver.Applied();
  ASSERT_EQ(driver.asked[1].size(), 2u) << "lane 1 is done: the gang goes on without it";
  EXPECT_EQ(driver.asked[1][0].lane_job, 1);
}

// Random fleets: workers are slow, die and come back; whatever happens, every lane's jobs are
// applied once, in order, and the run ends.
struct RandomCase {
  SchemeSpec scheme;
  int lanes;
};

class RandomFleetTest : public ::testing::TestWithParam<RandomCase> {};

TEST_P(RandomFleetTest, EveryJobOnceInOrder) {
  const RandomCase param = GetParam();
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    const int64_t jobs = 6;
    CoreDriver driver(PlanFor(param.scheme, {}, param.lanes, jobs));
    std::mt19937 random(seed);
    const int workers = 1 + static_cast<int>(random() % param.scheme.slots);
    WorkerId next = 1;
    std::map<WorkerId, std::string> names;
    for (int i = 0; i < workers; ++i) {
      names[next] = absl::StrCat("w", i);
      driver.Join(next++, absl::StrCat("w", i));
    }
    std::vector<std::string> dead;
    int steps = 0;
    while (!driver.finished) {
      ASSERT_TRUE(driver.failed.empty()) << driver.failed;
      ASSERT_LT(++steps, 100000) << "no progress";
      driver.now += absl::Milliseconds(random() % 50);
      const uint32_t choice = random() % 100;
      if (choice < 3 && !driver.alive.empty()) {
        const WorkerId victim = *std::next(driver.alive.begin(), random() % driver.alive.size());
        dead.push_back(names[victim]);
        driver.Lose(victim);
      } else if (choice < 10 && !dead.empty()) {
        names[next] = dead.back();
        dead.pop_back();
        driver.Join(next, names[next]);
        ++next;
      } else if (choice < 20) {
        driver.Send(Tick{});
      } else if (!driver.alive.empty()) {
        const WorkerId worker = *std::next(driver.alive.begin(), random() % driver.alive.size());
        if (!driver.asked[worker].empty()) driver.Answer(worker);
      }
    }
    ASSERT_EQ(driver.applied_order.size(), param.lanes * jobs);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Schemes, RandomFleetTest,
    ::testing::Values(RandomCase{Spec("uncoded", 3), 1}, RandomCase{MultiMessage(6), 1},
                      RandomCase{MultiMessage(7), 3}, RandomCase{Gc(6, 1), 1},
                      RandomCase{Gc(7, 2), 3}, RandomCase{SrSgc(6, 1, 2, 2), 2},
                      RandomCase{SrSgc(8, 2, 3, 3), 4}, RandomCase{MSgc(6, 1, 2, 2), 2},
                      RandomCase{MSgc(6, 1, 3, 2), 5}, RandomCase{MSgc(6, 2, 3, 5), 4}));

}  // namespace
}  // namespace gradloom
