// What makes the generated glyphs special: they are pictures, every example on its own, balanced.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "models/data/dataset.h"

namespace gradloom {
namespace {

std::unique_ptr<Dataset> Open(v1::GlyphsSource glyphs) {
  v1::DataSource source;
  *source.mutable_glyphs() = std::move(glyphs);
  absl::StatusOr<std::unique_ptr<Dataset>> dataset = OpenDataset(source, "data.train", "");
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  return dataset.ok() ? *std::move(dataset) : nullptr;
}

TEST(GlyphsTest, DefaultsAreAsDocumented) {
  const std::unique_ptr<Dataset> dataset = Open({});
  EXPECT_EQ(dataset->info().examples, 60000);
  EXPECT_EQ(dataset->info().features, 784);
  EXPECT_EQ(dataset->info().channels, 1);
  EXPECT_EQ(dataset->info().height, 28);
  EXPECT_EQ(dataset->info().width, 28);
  EXPECT_EQ(dataset->info().classes, 10);
}

TEST(GlyphsTest, RangesOfOneSequenceOverlapInTheSameExamples) {
  v1::GlyphsSource source;
  source.set_count(100);
  const Examples early = *Open(source)->Load(60, 100);
  source.set_first(60);
  const Examples late = *Open(source)->Load(0, 40);
  EXPECT_EQ(early.dense, late.dense);
  EXPECT_EQ(early.targets, late.targets);
}

TEST(GlyphsTest, ClassesAreBalancedInRandomOrder) {
  v1::GlyphsSource source;
  source.set_count(200);
  const Examples examples = *Open(source)->Load(0, 200);
  std::set<std::vector<float>> orders;
  for (int block = 0; block < 20; ++block) {
    std::vector<float> labels(examples.targets.begin() + 10 * block,
                              examples.targets.begin() + 10 * (block + 1));
    orders.insert(labels);
    std::sort(labels.begin(), labels.end());
    for (int c = 0; c < 10; ++c) EXPECT_EQ(labels[c], c);
  }
  EXPECT_GT(orders.size(), 15);
}

TEST(GlyphsTest, PixelsAreAPictureInBounds) {
  v1::GlyphsSource source;
  source.set_count(500);
  const Examples examples = *Open(source)->Load(0, 500);
  EXPECT_GE(*std::min_element(examples.dense.begin(), examples.dense.end()), 0);
  EXPECT_LE(*std::max_element(examples.dense.begin(), examples.dense.end()), 1);
  std::set<std::vector<float>> distinct;
  for (int64_t i = 0; i < examples.rows; ++i) {
    const auto first = examples.dense.begin() + i * 784;
    distinct.emplace(first, first + 784);
  }
  EXPECT_EQ(distinct.size(), 500);
}

// Without warps and noise an example differs from its class only in its pen: ten shapes that lie
// apart, drawn in the picture's middle.
TEST(GlyphsTest, TenShapes) {
  v1::GlyphsSource source;
  source.set_count(100);
  source.set_noise(0);
  source.set_distortion(0);
  const Examples examples = *Open(source)->Load(0, 100);
  const auto correlation = [&](int64_t a, int64_t b) {
    const float* x = examples.dense.data() + a * 784;
    const float* y = examples.dense.data() + b * 784;
    return std::inner_product(x, x + 784, y, 0.0) /
           std::sqrt(std::inner_product(x, x + 784, x, 0.0) *
                     std::inner_product(y, y + 784, y, 0.0));
  };
  for (int64_t a = 0; a < 100; ++a) {
    const float* picture = examples.dense.data() + a * 784;
    EXPECT_GT(std::accumulate(picture, picture + 784, 0.0), 15);
    EXPECT_EQ(picture[0], 0);
    double own = 0;
    double other = 0;
    for (int64_t b = 0; b < 100; ++b) {
      if (b == a) continue;
      double& best = examples.targets[a] == examples.targets[b] ? own : other;
      best = std::max(best, correlation(a, b));
    }
    EXPECT_GT(own, 0.9);
    EXPECT_LT(other, 0.86);
    EXPECT_LT(other, own);
  }
}

// The settings do what they are named for: noise reaches empty pixels with its own deviation.
TEST(GlyphsTest, NoiseHasItsDeviation) {
  v1::GlyphsSource source;
  source.set_count(100);
  source.set_noise(0.1);
  const Examples noisy = *Open(source)->Load(0, 100);
  source.set_noise(0);
  const Examples clean = *Open(source)->Load(0, 100);
  double squares = 0;
  int64_t inner = 0;
  for (size_t i = 0; i < clean.dense.size(); ++i) {
    // Where clipping to [0, 1] cannot reach.
    if (clean.dense[i] < 0.45 || clean.dense[i] > 0.55) continue;
    const double difference = noisy.dense[i] - clean.dense[i];
    squares += difference * difference;
    ++inner;
  }
  ASSERT_GT(inner, 300);
  EXPECT_NEAR(std::sqrt(squares / inner), 0.1, 0.012);
}

}  // namespace
}  // namespace gradloom
