#include "models/data/minibatch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

namespace gradloom {
namespace {

using ::testing::ElementsAreArray;

// (examples, batch size), awkward on purpose.
const std::vector<std::pair<int64_t, int64_t>>& Sizes() {
  static const auto& sizes = *new std::vector<std::pair<int64_t, int64_t>>{
      {1, 1},   {2, 1},    {7, 1},    {7, 2},    {7, 3},     {7, 7},     {10, 4},
      {16, 1},  {17, 1},   {33, 2},   {100, 7},  {101, 100}, {128, 32},  {997, 13},
      {997, 1}, {1000, 0}, {999, 64}, {5, 1000}, {4096, 3},  {6000, 60}, {1025, 1},
  };
  return sizes;
}

std::vector<int64_t> Whole(const MinibatchPlan& plan, int64_t job) {
  return plan.Draw(job, 0, plan.batch_size());
}

TEST(MinibatchPlanTest, EveryEpochTouchesEveryExampleOnce) {
  for (const auto& [examples, batch] : Sizes()) {
    const MinibatchPlan plan(examples, batch, 1);
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      std::vector<int> touched(examples);
      for (int64_t turn = 0; turn < plan.jobs_per_epoch(); ++turn) {
        const int64_t job = epoch * plan.jobs_per_epoch() + turn;
        const std::vector<int64_t> drawn = Whole(plan, job);
        EXPECT_EQ(drawn.size(), plan.ExamplesIn(job)) << examples << " " << batch << " " << job;
        for (const int64_t i : drawn) ++touched.at(i);
      }
      EXPECT_THAT(touched, ElementsAreArray(std::vector<int>(examples, 1)))
          << examples << " examples, batches of " << batch << ", epoch " << epoch;
    }
  }
}

TEST(MinibatchPlanTest, AnEpochHasAsManyJobsAsFullBatchesAndARest) {
  EXPECT_EQ(MinibatchPlan(10, 4, 1).jobs_per_epoch(), 3);
  EXPECT_EQ(MinibatchPlan(12, 4, 1).jobs_per_epoch(), 3);
  EXPECT_EQ(MinibatchPlan(12, 0, 1).jobs_per_epoch(), 1);
  EXPECT_EQ(MinibatchPlan(10, 4, 1).ExamplesIn(0), 4);
  EXPECT_EQ(MinibatchPlan(10, 4, 1).ExamplesIn(2), 2);
  EXPECT_EQ(MinibatchPlan(10, 4, 1).ExamplesIn(3), 4);
}

TEST(MinibatchPlanTest, ADrawDoesNotDependOnHowItIsCutIntoChunks) {
  for (const auto& [examples, batch] : Sizes()) {
    const MinibatchPlan plan(examples, batch, 9);
    for (int64_t job = 0; job < std::min<int64_t>(plan.jobs_per_epoch() + 1, 12); ++job) {
      for (const int64_t denominator : {1, 2, 3, 7, 64}) {
        std::vector<int64_t> joined;
        int64_t next = 0;
        for (int64_t chunk = 0; chunk < denominator; ++chunk) {
          const auto [first, last] = plan.Positions(chunk, chunk + 1, denominator);
          EXPECT_EQ(first, next);
          next = last;
          const std::vector<int64_t> part = plan.Draw(job, first, last);
          joined.insert(joined.end(), part.begin(), part.end());
        }
        EXPECT_EQ(next, plan.batch_size());
        EXPECT_THAT(joined, ElementsAreArray(Whole(plan, job)));
      }
    }
  }
}

TEST(MinibatchPlanTest, ExampleRangesHoldWhatTheirPositionsDrawAndNothingElse) {
  for (const auto& [examples, batch] : Sizes()) {
    const MinibatchPlan plan(examples, batch, 3);
    const auto [first, last] = plan.Positions(1, 3, 4);
    const auto [low, high] = plan.ExampleRange(first, last);
    std::set<int64_t> touched;
    for (int64_t job = 0; job < plan.jobs_per_epoch(); ++job) {
      for (const int64_t i : plan.Draw(job, first, last)) touched.insert(i);
    }
    EXPECT_EQ(touched.size(), high - low) << examples << " " << batch;
    if (!touched.empty()) {
      EXPECT_EQ(*touched.begin(), low);
      EXPECT_EQ(*touched.rbegin() + 1, high);
    }
  }
}

TEST(MinibatchPlanTest, EpochsSeedsAndPositionsHaveOrdersOfTheirOwn) {
  const MinibatchPlan plan(6000, 60, 1);
  const int64_t epoch = plan.jobs_per_epoch();
  EXPECT_NE(Whole(plan, 0), Whole(plan, epoch));
  EXPECT_NE(Whole(plan, 0), Whole(plan, 1));
  EXPECT_NE(Whole(plan, 0), Whole(MinibatchPlan(6000, 60, 2), 0));
  EXPECT_EQ(Whole(plan, 3), Whole(MinibatchPlan(6000, 60, 1), 3));
  std::set<int64_t> places;
  for (const int64_t i : Whole(plan, 0)) places.insert(i % epoch);
  EXPECT_GT(places.size(), 30);  // 60 positions, 100 places in a stratum: 45 expected
}

TEST(MinibatchPlanTest, EveryOrderOfASmallStratumIsEquallyLikely) {
  std::map<std::vector<int64_t>, int> orders;
  const MinibatchPlan plan(4, 1, 5);
  const int epochs = 2400;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    std::vector<int64_t> order;
    for (int turn = 0; turn < 4; ++turn) order.push_back(Whole(plan, 4 * epoch + turn).at(0));
    ++orders[order];
  }
  EXPECT_EQ(orders.size(), 24);
  for (const auto& [order, count] : orders) EXPECT_NEAR(count, 100, 50);
}

// A large stratum's order comes from a keyed permutation: each place must see each example.
TEST(MinibatchPlanTest, PlacesOfALargeStratumAreUniform) {
  const int64_t size = 40;
  const MinibatchPlan plan(size, 1, 6);
  for (const int64_t turn : {0, 1, 17, 39}) {
    std::vector<int> hits(size);
    for (int epoch = 0; epoch < 8000; ++epoch) ++hits[Whole(plan, epoch * size + turn).at(0)];
    double chi_squared = 0;
    for (const int h : hits) chi_squared += (h - 200.0) * (h - 200.0) / 200.0;
    EXPECT_LT(chi_squared, 72.1) << turn;  // 0.1 % level of 39 degrees of freedom
  }
}

TEST(MinibatchPlanTest, CountsBeyond32Bits) {
  const int64_t examples = (int64_t{1} << 40) + 12345;
  const int64_t batch = (int64_t{1} << 34) + 1;
  const MinibatchPlan plan(examples, batch, 1);
  const auto [first, last] = plan.Positions(batch - 3, batch, batch);
  EXPECT_EQ(last, batch);
  const auto [low, high] = plan.ExampleRange(first, last);
  EXPECT_EQ(high, examples);
  for (const int64_t i : plan.Draw(plan.jobs_per_epoch() * 5 + 2, first, last)) {
    EXPECT_GE(i, low);
    EXPECT_LT(i, high);
  }
  EXPECT_EQ(plan.Draw(0, first, last).size(), 3);
}

TEST(MinibatchPlanTest, AFullBatchIsTheDataInOrder) {
  std::vector<int64_t> all(1000);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(Whole(MinibatchPlan(1000, 0, 1), 17), all);
  EXPECT_EQ(Whole(MinibatchPlan(1000, 5000, 1), 0), all);
}

}  // namespace
}  // namespace gradloom
