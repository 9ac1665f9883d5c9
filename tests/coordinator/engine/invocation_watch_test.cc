#include "coordinator/engine/invocation_watch.h"

#include "gtest/gtest.h"

namespace gradloom {
namespace {

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);
absl::Time At(double seconds) { return kStart + absl::Seconds(seconds); }

AssignedTask Task(TaskId id, int slot, uint64_t invocation) {
  AssignedTask task;
  task.id = id;
  task.slot = slot;
  task.invocation = invocation;
  return task;
}

double Tenth(const AssignedTask&) { return 0.1; }

TEST(InvocationWatchTest, AnInvocationEndsWithItsLastTask) {
  InvocationWatch watch;
  watch.Assigned(At(0), {1, {Task(1, 0, 7), Task(2, 0, 7), Task(3, 1, 8)}}, Tenth);
  watch.Replied(At(2), {1, 0.5});
  EXPECT_TRUE(watch.TakeEnded(At(2)).empty());
  watch.Replied(At(3), {2, 0.5});
  const auto ended = watch.TakeEnded(At(3));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].slot, 0);
  EXPECT_DOUBLE_EQ(ended[0].load, 0.1);
  EXPECT_DOUBLE_EQ(ended[0].seconds, 2);
  EXPECT_DOUBLE_EQ(ended[0].compute_seconds, 1);
  EXPECT_EQ(ended[0].further_replies, 1);
  EXPECT_DOUBLE_EQ(ended[0].further_seconds, 1);
  EXPECT_FALSE(ended[0].at_least);
  EXPECT_TRUE(watch.TakeEnded(At(3)).empty()) << "once";
  ASSERT_EQ(watch.Latest().size(), 1u);
  EXPECT_EQ(watch.Latest()[0].slot, 0);
}

TEST(InvocationWatchTest, WhatIsDroppedMayBeReplacedAtTheSameMoment) {
  InvocationWatch watch;
  watch.Assigned(At(0), {1, {Task(1, 0, 7)}}, Tenth);
  watch.Dropped(At(1), 1);
  watch.Assigned(At(1), {1, {Task(2, 0, 7)}}, Tenth);
  EXPECT_TRUE(watch.TakeEnded(At(1)).empty());
  watch.Dropped(At(4), 2);
  const auto ended = watch.TakeEnded(At(4));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_TRUE(ended[0].at_least) << "it was cut before any reply";
  EXPECT_DOUBLE_EQ(ended[0].seconds, 4) << "from its first assignment";
  EXPECT_DOUBLE_EQ(ended[0].load, 0.1);
}

TEST(InvocationWatchTest, ATaskThatIsAssignedAnewEndsItsOldInvocation) {
  InvocationWatch watch;
  watch.Assigned(At(0), {1, {Task(1, 0, 7)}}, Tenth);
  watch.Assigned(At(5), {2, {Task(1, 0, 8)}}, Tenth);
  const auto lost = watch.TakeEnded(At(5));
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_TRUE(lost[0].at_least);
  EXPECT_DOUBLE_EQ(lost[0].seconds, 5);
  watch.Replied(At(6), {1, 0.1});
  const auto ended = watch.TakeEnded(At(6));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_DOUBLE_EQ(ended[0].seconds, 1);
}

TEST(InvocationWatchTest, TasksThatAreNotKnownAreIgnored) {
  InvocationWatch watch;
  watch.Replied(At(1), {5, 0.1});
  watch.Dropped(At(1), 6);
  EXPECT_TRUE(watch.TakeEnded(At(1)).empty());
}

TEST(InvocationWatchTest, AFailedTaskEndsItsInvocation) {
  InvocationWatch watch;
  watch.Assigned(At(0), {1, {Task(1, 0, 7)}}, Tenth);
  watch.Failed(At(2), 1);
  const auto ended = watch.TakeEnded(At(2));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_TRUE(ended[0].at_least) << "it would have taken longer";
  EXPECT_DOUBLE_EQ(ended[0].seconds, 2);
}

}  // namespace
}  // namespace gradloom
