#include "coordinator/engine/reply_book.h"

#include <thread>
#include <vector>

#include "coding/reproducible_sum.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

constexpr size_t kFrame = 4 * ReproducibleSum::kBlock;

ReplyBook::LaneJob Job(int64_t job, int weave = 0) {
  return {.weave = weave, .job = job, .length = 8, .parts = 2, .unit_weights = true};
}

TEST(ReplyBookTest, LetsInWhoWasAskedAndNobodyElse) {
  ReplyBook book(1, kFrame);
  book.Begin(0, Job(0));
  book.Want(7, {.lane = 0, .part = 1, .worker = 3, .examples_min = 5, .examples_max = 5});
  const auto entry = book.Enter(7, 3, 5);
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->wanted.part, 1);
  EXPECT_TRUE(absl::IsNotFound(book.Enter(8, 3, 5).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(book.Enter(7, 4, 5).status())) << "an earlier connection's";
}

TEST(ReplyBookTest, F18_AReplyThatCountsOtherExamplesIsRefusedBeforeAnythingIsAdded) {
  ReplyBook book(1, kFrame);
  book.Begin(0, Job(0));
  book.Want(7, {.lane = 0, .part = 0, .worker = 3, .examples_min = 5, .examples_max = 5});
  for (const double examples : {0.0, 4.0, 6.0, -5.0, std::numeric_limits<double>::quiet_NaN()}) {
    const absl::Status refused = book.Enter(7, 3, examples).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << examples;
    EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("the task has 5"));
  }
}

TEST(ReplyBookTest, WhatIsWantedOfAJobIsForgottenWithIt) {
  ReplyBook book(2, kFrame);
  book.Begin(0, Job(0));
  book.Begin(1, Job(0));
  book.Want(1, {.lane = 0, .worker = 3});
  book.Want(2, {.lane = 1, .worker = 3});
  book.Begin(0, Job(1));
  EXPECT_TRUE(absl::IsNotFound(book.Enter(1, 3, 0).status()));
  EXPECT_TRUE(book.Enter(2, 3, 0).ok()) << "the other lane's job goes on";
  book.Begin(1, Job(0));
  EXPECT_TRUE(book.Enter(2, 3, 0).ok()) << "it was that job already";
  book.Unwant(2);
  EXPECT_TRUE(absl::IsNotFound(book.Enter(2, 3, 0).status()));
}

TEST(ReplyBookTest, SumsGrowWithJobsInFlightNotWithLanes) {
  constexpr int kLanes = 100;
  ReplyBook book(kLanes, kFrame);
  for (int lane = 0; lane < kLanes; ++lane) {
    book.Begin(lane, Job(0));
    if (lane >= 2) book.Settle(lane - 2);
    EXPECT_LE(book.sums(), 3u);
  }
}

TEST(ReplyBookTest, AStreamOfAJobThatIsSettledAddsNothingToTheNext) {
  ReplyBook book(2, kFrame);
  book.Begin(0, Job(0));
  book.Want(1, {.lane = 0, .part = 0, .worker = 3});
  const auto entry = book.Enter(1, 3, 0);
  ASSERT_TRUE(entry.ok());
  book.Settle(0);
  book.Begin(1, Job(0));
  ASSERT_EQ(book.Sum(1), entry->sum) << "the memory serves again";
  FramePool::Buffer values = entry->sum->NewBuffer();
  std::fill_n(values.data(), 8, 1.0f);
  EXPECT_TRUE(
      absl::IsNotFound(entry->sum->AddFrame(entry->epoch, 0, 0, std::move(values), 8, 1).status()));
}

TEST(ReplyBookTest, StreamsAndTheLoopComeTogether) {
  ReplyBook book(4, kFrame);
  for (int lane = 0; lane < 4; ++lane) book.Begin(lane, Job(0));
  std::vector<std::jthread> streams;
  for (int stream = 0; stream < 4; ++stream) {
    streams.emplace_back([&book, stream] {
      for (TaskId task = 1; task < 2000; ++task) {
        if (const auto entry = book.Enter(task, 1, 0); entry.ok()) {
          FramePool::Buffer values = entry->sum->NewBuffer();
          std::fill_n(values.data(), 8, 1.0f);
          (void)entry->sum->AddFrame(entry->epoch, stream % 2, 0, std::move(values), 8, 1);
        }
      }
    });
  }
  for (TaskId task = 1; task < 2000; ++task) {
    const int lane = static_cast<int>(task % 4);
    book.Want(task, {.lane = lane, .part = 0, .worker = 1});
    if (task % 3 == 0) book.Begin(lane, Job(static_cast<int64_t>(task)));
    if (task % 7 == 0) book.Settle(lane);
    if (task % 7 == 0) book.Begin(lane, Job(static_cast<int64_t>(task) + 1));
  }
  book.Close();
  EXPECT_TRUE(absl::IsNotFound(book.Enter(1999, 1, 0).status()));
}

}  // namespace
}  // namespace gradloom
