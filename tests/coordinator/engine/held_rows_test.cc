// Rows that wait for their evaluation: in order, once, and through a checkpoint.
#include "coordinator/engine/held_rows.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();

MetricsRow Row(uint64_t job) {
  MetricsRow row;
  row.trial = "t";
  row.job = job;
  row.round = job + 100;
  row.loss = 0.5 * static_cast<double>(job);
  row.more["extra"] = 7;
  return row;
}
std::vector<uint64_t> Jobs(const std::vector<MetricsRow>& rows) {
  std::vector<uint64_t> jobs;
  for (const MetricsRow& row : rows) jobs.push_back(row.job);
  return jobs;
}

TEST(HeldRows, ARowWaitsForItsEvaluationAndLaterOnesBehindIt) {
  HeldRows held(2);
  held.Add(0, Row(0), std::nullopt);
  EXPECT_THAT(Jobs(held.Take(0, kAll)), ElementsAre(0));
  held.Add(0, Row(1), 2);
  held.Add(0, Row(2), std::nullopt);
  held.Add(0, Row(3), 4);
  held.Add(0, Row(4), std::nullopt);
  held.Add(1, Row(1), std::nullopt);
  EXPECT_THAT(held.Take(0, kAll), IsEmpty());
  EXPECT_THAT(Jobs(held.Take(1, kAll)), ElementsAre(1)) << "another lane's";
  EXPECT_EQ(held.FirstJob(0), 1u);
  EXPECT_EQ(held.NextRound(), 105u);
  EXPECT_FALSE(held.Evaluated(1, 2, {}).has_value());
  const auto row = held.Evaluated(0, 2, {.loss = 3, .accuracy = 0.25});
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->loss, 0.5);
  const auto rows = held.Take(0, kAll);
  EXPECT_THAT(Jobs(rows), ElementsAre(1, 2));
  EXPECT_EQ(rows[0].test_loss, 3);
  EXPECT_EQ(rows[0].test_accuracy, 0.25);
  EXPECT_FALSE(rows[1].test_loss.has_value());
  EXPECT_EQ(held.FirstJob(0), 3u);
}

TEST(HeldRows, WhatIsBeyondTheLanesEndStays) {
  HeldRows held(1);
  held.Add(0, Row(3), 4);
  held.Add(0, Row(4), std::nullopt);
  ASSERT_TRUE(held.Evaluated(0, 4, {}).has_value());
  EXPECT_THAT(Jobs(held.Peek(0, 4)), ElementsAre(3));
  EXPECT_THAT(Jobs(held.Take(0, 4)), ElementsAre(3));
  EXPECT_THAT(held.Take(0, 4), IsEmpty());
  EXPECT_THAT(Jobs(held.Take(0, 5)), ElementsAre(4)) << "the lane has gone on after all";
}

TEST(HeldRows, ACheckpointHoldsThem) {
  HeldRows held(3);
  held.Add(1, Row(3), 4);
  held.Add(1, Row(4), std::nullopt);
  held.Add(2, Row(5), 6);
  HeldRows::Saved saved;
  held.Save(1, 2, &saved);
  HeldRows loaded(3);
  const std::vector<std::string> names = {"t", "t"};
  const std::vector<int64_t> due = {4};
  loaded.Load(1, names, saved, due);
  EXPECT_THAT(loaded.Take(1, kAll), IsEmpty());
  EXPECT_THAT(Jobs(loaded.Take(2, kAll)), ElementsAre(5)) << "view 6 is not due any more";
  ASSERT_TRUE(loaded.Evaluated(1, 4, {}).has_value());
  const auto rows = loaded.Take(1, kAll);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].trial, "t");
  EXPECT_EQ(rows[1].round, 104u);
  EXPECT_EQ(rows[1].loss, 2);
  EXPECT_EQ(rows[1].more.at("extra"), 7);
  EXPECT_FALSE(rows[1].stragglers.has_value());
  saved.Mutable(0)->set_lane(9);
  HeldRows damaged(3);
  damaged.Load(1, names, saved, due);
  EXPECT_THAT(Jobs(damaged.Take(1, kAll)), ElementsAre(4));
}

}  // namespace
}  // namespace gradloom
