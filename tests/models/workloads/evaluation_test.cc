// Sums of an evaluation: what merging keeps, and that the cut knows the test set only.
#include "models/workloads/evaluation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "models/random.h"

namespace gradloom {
namespace {

EvaluationSums SumsOf(const std::vector<double>& targets, size_t begin, size_t end) {
  EvaluationSums sums;
  for (size_t i = begin; i < end; ++i) sums.AddTarget(targets[i]);
  return sums;
}

TEST(EvaluationSums, MeanAndSpreadOfPartsAreThoseOfTheWhole) {
  RandomStream stream(3, Purpose::kInitialParameters);
  std::vector<double> targets(1000);
  // Far from zero: the naive difference of squares would lose all its digits.
  for (double& target : targets) target = 1e6 + stream.NextNormal();
  double mean = 0, spread = 0;
  for (const double target : targets) mean += target / 1000;
  for (const double target : targets) spread += (target - mean) * (target - mean);
  for (const size_t step : {1, 7, 128, 999, 1000}) {
    EvaluationSums merged;
    for (size_t begin = 0; begin < targets.size(); begin += step) {
      merged.Merge(SumsOf(targets, begin, std::min(begin + step, targets.size())));
    }
    EXPECT_EQ(merged.examples, 1000);
    EXPECT_NEAR(merged.target_mean, mean, 1e-8) << step;
    EXPECT_NEAR(merged.target_spread, spread, 1e-6 * spread) << step;
  }
}

TEST(EvaluationSums, MergingNothingChangesNothing) {
  EvaluationSums sums{.loss = 2, .correct = 1, .examples = 3, .target_mean = 4, .target_spread = 5};
  const EvaluationSums before = sums;
  sums.Merge({});
  EXPECT_EQ(sums, before);
  EvaluationSums none;
  none.Merge(before);
  EXPECT_EQ(none, before);
}

TEST(CutTestSet, CoversAllExamplesInWholeSubBatches) {
  for (const int64_t sub_batch : {1, 32, 128}) {
    for (const int64_t examples : {1, 31, 128, 129, 8191, 8192, 8193, 100000}) {
      const std::vector<TestChunk> chunks = CutTestSet(examples, sub_batch);
      EXPECT_LE(static_cast<int64_t>(chunks.size()), kTestChunksMax);
      int64_t at = 0;
      for (const TestChunk& chunk : chunks) {
        EXPECT_EQ(chunk.begin, at);
        EXPECT_EQ(chunk.begin % sub_batch, 0);
        EXPECT_GT(chunk.end, chunk.begin);
        at = chunk.end;
      }
      EXPECT_EQ(at, examples);
    }
  }
  EXPECT_EQ(CutTestSet(0, 32), std::vector<TestChunk>{{}});
  EXPECT_EQ(CutTestSet(64 * 32, 32).size(), 64u);
  EXPECT_EQ(CutTestSet(64 * 32 + 1, 32).size(), 33u);
}

}  // namespace
}  // namespace gradloom
