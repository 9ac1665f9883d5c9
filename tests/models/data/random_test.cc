#include "models/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace gradloom {
namespace {

using Block = std::array<uint32_t, 4>;

// The published known-answer vectors of Random123 (kat_vectors: philox4x32 10).
TEST(Philox4x32Test, KnownAnswers) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t ones = 0xffffffff;
  EXPECT_EQ(Philox4x32({ones, ones, ones, ones}, {ones, ones}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

std::vector<uint32_t> Words(RandomStream stream, int count) {
  std::vector<uint32_t> words(count);
  for (uint32_t& word : words) word = stream.NextBits();
  return words;
}

TEST(RandomStreamTest, EveryPartOfTheKeyMatters) {
  std::set<std::vector<uint32_t>> seen;
  const uint64_t high = uint64_t{1} << 32;
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{2}, high}) {
    for (const Purpose purpose : {Purpose::kInitialParameters, Purpose::kMinibatch}) {
      for (const uint64_t a : {uint64_t{0}, uint64_t{1}, high}) {
        for (const uint32_t b : {0u, 1u}) seen.insert(Words({seed, purpose, a, b}, 4));
      }
    }
  }
  EXPECT_EQ(seen.size(), 4 * 2 * 3 * 2);
  EXPECT_EQ(Words({7, Purpose::kDropout, 3, 4}, 9), Words({7, Purpose::kDropout, 3, 4}, 9));
}

TEST(RandomStreamTest, FillBitsGivesTheSameWordsHoweverTheyAreAskedFor) {
  const std::vector<uint32_t> expected = Words({5, Purpose::kDropout}, 64);
  for (int first = 0; first < 8; ++first) {
    for (int count = 0; count < 20; ++count) {
      RandomStream stream(5, Purpose::kDropout);
      std::vector<uint32_t> words(64);
      for (int i = 0; i < first; ++i) words[i] = stream.NextBits();
      stream.FillBits(std::span(words).subspan(first, count));
      for (int i = first + count; i < 64; ++i) words[i] = stream.NextBits();
      EXPECT_EQ(words, expected) << first << " " << count;
    }
  }
}

// The largest distance between the sample's distribution function and `cdf` (Kolmogorov-Smirnov).
double KsDistance(std::vector<double> sample, double (*cdf)(double)) {
  std::sort(sample.begin(), sample.end());
  double distance = 0;
  const double n = static_cast<double>(sample.size());
  for (size_t i = 0; i < sample.size(); ++i) {
    const double f = cdf(sample[i]);
    distance = std::max({distance, f - i / n, (i + 1) / n - f});
  }
  return distance;
}

TEST(RandomStreamTest, UniformIsUniform) {
  RandomStream stream(1, Purpose::kGeneratedData);
  std::vector<double> sample(100000);
  for (double& u : sample) {
    u = stream.NextUniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
  }
  // 1.95 / sqrt(n) is the 0.1 % level; the seed is fixed, so this passes or fails for good.
  EXPECT_LT(KsDistance(sample, [](double u) { return u; }), 1.95 / std::sqrt(1e5));
}

TEST(RandomStreamTest, NormalIsNormal) {
  RandomStream stream(2, Purpose::kGeneratedData);
  std::vector<double> sample(100000);
  double sum = 0;
  double squares = 0;
  double neighbours = 0;
  for (size_t i = 0; i < sample.size(); ++i) {
    sample[i] = stream.NextNormal();
    sum += sample[i];
    squares += sample[i] * sample[i];
    if (i > 0) neighbours += sample[i] * sample[i - 1];
  }
  EXPECT_NEAR(sum / 1e5, 0, 0.012);
  EXPECT_NEAR(squares / 1e5, 1, 0.018);
  EXPECT_NEAR(neighbours / 1e5, 0, 0.012);
  EXPECT_LT(KsDistance(sample, [](double x) { return std::erfc(-x / std::sqrt(2)) / 2; }),
            1.95 / std::sqrt(1e5));
}

TEST(RandomStreamTest, FilledNormalsAreTheWordsQuantiles) {
  RandomStream stream(2, Purpose::kDiffusion), words = stream;
  std::vector<float> sample(100000);
  stream.FillNormals(sample);
  double sum = 0, squares = 0, furthest = 0;
  for (const float value : sample) {
    const double p = (words.NextBits() + 0.5) * 0x1p-32;
    const double tail = std::min(p, 1 - p);
    ASSERT_EQ(value < 0, p < 0.5);
    // The density at the tail times the error of a float quantile.
    ASSERT_NEAR(std::erfc(std::abs(double{value}) / std::sqrt(2)) / 2, tail, 4e-6 * tail);
    sum += value;
    squares += double{value} * value;
    furthest = std::max(furthest, std::abs(double{value}));
  }
  EXPECT_NEAR(sum / 1e5, 0, 0.012);
  EXPECT_NEAR(squares / 1e5, 1, 0.018);
  EXPECT_GT(furthest, 4);
}

TEST(RandomStreamTest, BelowIsUnbiased) {
  for (const int n : {1, 2, 3, 7, 10, 100}) {
    RandomStream stream(3, Purpose::kMinibatch, n);
    std::vector<int> hits(n);
    const int draws = 2000 * n;
    for (int i = 0; i < draws; ++i) {
      const uint64_t value = stream.NextBelow(n);
      ASSERT_LT(value, n);
      ++hits[value];
    }
    for (const int h : hits) EXPECT_NEAR(h, 2000, 5 * std::sqrt(2000));
  }
}

// With n = 3/4 of the words' range, taking words modulo n would make the lower third twice as
// likely as the rest.
TEST(RandomStreamTest, BelowIsUnbiasedForLargeRanges) {
  for (const uint64_t n : {uint64_t{3} << 30, uint64_t{3} << 62}) {
    RandomStream stream(4, Purpose::kMinibatch, n);
    int lower = 0;
    for (int i = 0; i < 60000; ++i) {
      const uint64_t value = stream.NextBelow(n);
      ASSERT_LT(value, n);
      lower += value < n / 3;
    }
    EXPECT_NEAR(lower, 20000, 5 * std::sqrt(60000 * 2.0 / 9));
  }
}

}  // namespace
}  // namespace gradloom
