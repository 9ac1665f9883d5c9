#include "worker/worker_core.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;

v1::Assign Tasks(uint64_t run, const std::vector<uint64_t>& ids) {
  v1::Assign assign;
  assign.set_run(run);
  for (const uint64_t id : ids) assign.add_tasks()->set_id(id);
  return assign;
}

v1::Drop DropOf(uint64_t run, const std::vector<uint64_t>& ids) {
  v1::Drop drop;
  drop.set_run(run);
  for (const uint64_t id : ids) drop.add_tasks(id);
  return drop;
}

const absl::Time kNow = absl::UnixEpoch();

TEST(WorkerCore, StartsInOrderUpToTwiceTheCapacityAndComputesInTurn) {
  WorkerCore core(1);
  core.Assign(Tasks(1, {5, 3, 4}), kNow);
  EXPECT_EQ(core.Start()->key.task, 5u);
  EXPECT_EQ(core.Start()->key.task, 3u);
  EXPECT_FALSE(core.Start().has_value());
  EXPECT_FALSE(core.TryCompute({1, 3}, false)) << "5 comes first";
  EXPECT_TRUE(core.TryCompute({1, 5}, false));
  EXPECT_FALSE(core.TryCompute({1, 3}, false)) << "one at a time";
  core.Computed({1, 5});
  EXPECT_TRUE(core.TryCompute({1, 3}, false)) << "while 5 is sent";
  EXPECT_FALSE(core.Start().has_value());
  core.Finish({1, 5});
  EXPECT_EQ(core.Start()->key.task, 4u);
}

TEST(WorkerCore, LargeTasksDoNotComputeWhileAReplyIsSent) {
  WorkerCore core(1);
  core.Assign(Tasks(1, {1, 2}), kNow);
  core.Start();
  core.Start();
  EXPECT_TRUE(core.TryCompute({1, 1}, true));
  core.Computed({1, 1});
  EXPECT_FALSE(core.TryCompute({1, 2}, true));
  core.Finish({1, 1});
  EXPECT_TRUE(core.TryCompute({1, 2}, true));
}

TEST(WorkerCore, CapacityTwoComputesTwo) {
  WorkerCore core(2);
  core.Assign(Tasks(1, {1, 2, 3}), kNow);
  for (int i = 0; i < 3; ++i) core.Start();
  EXPECT_TRUE(core.TryCompute({1, 1}, true));
  EXPECT_TRUE(core.TryCompute({1, 2}, true));
  EXPECT_FALSE(core.TryCompute({1, 3}, false));
  EXPECT_EQ(core.computing(), 2);
}

TEST(WorkerCore, DuplicatesAreIgnoredInEveryState) {
  WorkerCore core(1);
  core.Assign(Tasks(1, {1, 2}), kNow);
  EXPECT_EQ(core.Assign(Tasks(1, {2}), kNow).duplicates, 1);  // waiting
  core.Start();
  EXPECT_EQ(core.Assign(Tasks(1, {1}), kNow).duplicates, 1);  // in hand
  core.Finish({1, 1});
  EXPECT_EQ(core.Assign(Tasks(1, {1}), kNow).duplicates, 1);  // finished
  EXPECT_EQ(core.Assign(Tasks(2, {1}), kNow).duplicates, 0) << "another run's task";
  EXPECT_EQ(core.waiting().size(), 2u);
}

TEST(WorkerCore, WhatIsAddedToAnInvocationWasAssignedWithIt) {
  WorkerCore core(1);
  const auto add = [&](uint64_t id, uint64_t invocation, double seconds) {
    v1::Assign assign = Tasks(1, {id});
    assign.mutable_tasks(0)->set_invocation(invocation);
    core.Assign(assign, kNow + absl::Seconds(seconds));
    const absl::Time assigned = core.Start()->assigned;
    core.Finish({1, id});
    return absl::ToDoubleSeconds(assigned - kNow);
  };
  EXPECT_EQ(add(1, 5, 1), 1);
  EXPECT_EQ(add(2, 5, 3), 1);
  EXPECT_EQ(add(3, 6, 4), 4);
  EXPECT_EQ(add(4, 0, 5), 5) << "0: the coordinator does not tell";
  EXPECT_EQ(add(5, 0, 6), 6);
}

TEST(WorkerCore, FinishedTasksAreForgottenInTheEnd) {
  WorkerCore core(1);
  for (uint64_t id = 0; id < 10'000; ++id) {
    core.Assign(Tasks(1, {id}), kNow);
    core.Start();
    core.Finish({1, id});
  }
  EXPECT_EQ(core.Assign(Tasks(1, {9'999}), kNow).duplicates, 1);
  EXPECT_EQ(core.Assign(Tasks(1, {0}), kNow).duplicates, 0);
}

TEST(WorkerCore, DropTakesWaitingTasksAndNamesThoseInHand) {
  WorkerCore core(1);
  core.Assign(Tasks(1, {1, 2, 3, 4}), kNow);
  core.Assign(Tasks(2, {3}), kNow);
  core.Start();
  core.Start();
  const WorkerCore::Stopped stopped = core.Drop(DropOf(1, {2, 3, 99}));
  ASSERT_EQ(stopped.waiting.size(), 1u);
  EXPECT_EQ(stopped.waiting[0].key.task, 3u);
  EXPECT_THAT(stopped.in_hand, ElementsAre(TaskKey{1, 2}));
  core.Finish({1, 2});
  EXPECT_EQ(core.Start()->key, (TaskKey{1, 4}));
  EXPECT_EQ(core.Assign(Tasks(1, {3}), kNow).duplicates, 1) << "dropped stays dropped";
}

// A dropped task that had not begun to compute must not block the ones behind it.
TEST(WorkerCore, AFinishedPreparationFreesTheTurn) {
  WorkerCore core(1);
  core.Assign(Tasks(1, {1, 2}), kNow);
  core.Start();
  core.Start();
  core.Finish({1, 1});
  EXPECT_TRUE(core.TryCompute({1, 2}, false));
}

TEST(WorkerCore, EndsOfRunsAndOfAll) {
  WorkerCore core(1);
  core.Assign(Tasks(1, {1, 2}), kNow);
  core.Assign(Tasks(2, {1, 2}), kNow);
  core.Start();
  const WorkerCore::Stopped one = core.EndRun(1);
  EXPECT_EQ(one.waiting.size(), 1u);
  EXPECT_THAT(one.in_hand, ElementsAre(TaskKey{1, 1}));
  EXPECT_EQ(core.waiting().size(), 2u);
  EXPECT_EQ(core.EndAll().waiting.size(), 2u);
  EXPECT_EQ(core.waiting().size(), 0u);
}

TEST(WorkerCore, StaleReportsAreIgnored) {
  WorkerCore core(1);
  core.Computed({1, 1});
  core.Finish({1, 1});
  EXPECT_FALSE(core.TryCompute({1, 1}, false));
  EXPECT_EQ(core.computing(), 0);
}

TEST(WorkerCore, TheQueueHasALimit) {
  WorkerCore core(1);
  v1::Assign many;
  for (uint64_t id = 0; id <= WorkerCore::kMaxWaiting; ++id) many.add_tasks()->set_id(id);
  EXPECT_THAT(core.Assign(many, kNow).rejected, ElementsAre(TaskKey{0, WorkerCore::kMaxWaiting}));
}

TEST(EstimateSeconds, ExtrapolatesByItsOwnPaceOrEarlierOnes) {
  TaskProgress progress;
  progress.since_assigned = absl::Seconds(3);
  progress.examples_total = 100;
  EXPECT_DOUBLE_EQ(EstimateSeconds(progress, 0), 3);
  EXPECT_DOUBLE_EQ(EstimateSeconds(progress, 0.1), 13);
  progress.delay_left = absl::Seconds(2);
  EXPECT_DOUBLE_EQ(EstimateSeconds(progress, 0.1), 15);
  progress.delay_left = absl::ZeroDuration();
  progress.examples_done = 20;
  progress.compute_spent = absl::Seconds(1);
  EXPECT_DOUBLE_EQ(EstimateSeconds(progress, 0.1), 3 + 80 * 0.05);
  progress.computed = true;
  EXPECT_DOUBLE_EQ(EstimateSeconds(progress, 0.1), 3);
}

}  // namespace
}  // namespace gradloom
