#include "coordinator/core/task_book.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Task Of(int slot, WorkerId worker = 0) {
  Task task;
  task.slot = slot;
  task.worker = worker;
  task.weave = 3;
  task.round = 5;
  return task;
}

std::vector<Action> Sent(Drops drops) {
  std::vector<Action> actions;
  std::move(drops).Send(&actions);
  return actions;
}

TEST(TaskBookTest, KeepsASlotsTasksInOrder) {
  TaskBook book(2, 0, 0);
  const TaskId a = book.Add(Of(0)), b = book.Add(Of(1)), c = book.Add(Of(0));
  EXPECT_THAT(book.Outstanding(0), ElementsAre(a, c));
  EXPECT_THAT(book.Outstanding(1), ElementsAre(b));
  book.Remove(a);
  EXPECT_THAT(book.Outstanding(0), ElementsAre(c));
  EXPECT_EQ(book.Find(a), nullptr);
  ASSERT_NE(book.Find(c), nullptr);
}

TEST(TaskBookTest, WhatBeginsAnewHasNewNumbersAndItsOldOnesAreDroppedWhereTheyAre) {
  TaskBook book(1, 0, 0);
  const TaskId a = book.Add(Of(0, 7)), b = book.Add(Of(0, 8));
  Drops drops;
  book.Renew(0, /*again=*/true, &drops);
  const auto& renewed = book.Outstanding(0);
  ASSERT_EQ(renewed.size(), 2u);
  for (TaskId id : renewed) {
    EXPECT_NE(id, a);
    EXPECT_NE(id, b);
    EXPECT_EQ(book.Find(id)->worker, 0u);
    EXPECT_EQ(book.Find(id)->attempt, 1);
  }
  const auto actions = Sent(std::move(drops));
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_EQ(std::get<DropTasks>(actions[0]).worker, 7u);
  EXPECT_THAT(std::get<DropTasks>(actions[0]).tasks, ElementsAre(a));
}

TEST(TaskBookTest, ADroppedTaskIsAnsweredForOnce) {
  TaskBook book(1, 0, 0);
  const TaskId held = book.Add(Of(0, 7)), waiting = book.Add(Of(0));
  Drops drops;
  book.DropIf(
      0, [](TaskId, const Task&) { return true; }, &drops);
  EXPECT_THAT(book.Outstanding(0), IsEmpty());
  EXPECT_FALSE(book.TakeDropped(waiting).has_value()) << "nobody had it";
  const auto dropped = book.TakeDropped(held);
  ASSERT_TRUE(dropped.has_value());
  EXPECT_EQ(dropped->weave, 3);
  EXPECT_EQ(dropped->round, 5);
  EXPECT_FALSE(book.TakeDropped(held).has_value());
}

TEST(TaskBookTest, InvocationsAreNumberedBySlotOverLives) {
  TaskBook book(2, /*life=*/2, /*invocations_before=*/10);
  Task task = Of(1);
  const Invocation first = book.NextInvocation(task);
  EXPECT_EQ(first.of_slot, 10u);
  EXPECT_EQ(book.NextInvocation(Of(1)).of_slot, 11u);
  EXPECT_EQ(book.NextInvocation(Of(0)).of_slot, 10u);
  task.invocation = first;
  const Invocation again = book.NextInvocation(task);
  EXPECT_EQ(again.of_slot, 10u) << "assigned anew";
  EXPECT_NE(again.number, first.number);
}

TEST(TaskBookTest, F01_NumbersOfDifferentLivesDiffer) {
  std::set<TaskId> ids;
  for (const uint64_t life : {0, 1, 2, 1000}) {
    TaskBook book(1, life, 0);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(ids.insert(book.Add(Of(0))).second);
  }
}

}  // namespace
}  // namespace gradloom
