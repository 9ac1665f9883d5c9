#include "coding/reproducible_sum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "gtest/gtest.h"

namespace gradloom {
namespace {

constexpr size_t kBlock = ReproducibleSum::kBlock;

std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

// A vector's sum, block by block.
class VectorSum {
 public:
  explicit VectorSum(size_t length)
      : high_(length), low_(length), bins_(length / kBlock + 1, ReproducibleSum::kEmpty) {}

  // Adds some vectors' elements [offset, offset + kBlock), in pieces of `piece`.
  void Add(size_t offset, const std::vector<const float*>& vectors, size_t piece = kBlock) {
    const size_t count = std::min(kBlock, high_.size() - offset);
    ReproducibleSum::Bin& bin = bins_[offset / kBlock];
    ReproducibleSum::Bin needed = bin;
    for (const float* vector : vectors) {
      needed = std::max(needed, ReproducibleSum::RangeOf({vector + offset, count}).bin);
    }
    for (size_t begin = offset; begin < offset + count; begin += piece) {
      ReproducibleSum sum = Piece(begin, std::min(piece, offset + count - begin), bin);
      sum.MoveUp(needed);
      std::vector<const float*> addends;
      for (const float* vector : vectors) addends.push_back(vector + begin);
      sum.Add(addends);
    }
    bin = needed;
  }
  void AddAll(const std::vector<float>& vector) {
    for (size_t offset = 0; offset < high_.size(); offset += kBlock) Add(offset, {vector.data()});
  }
  std::vector<float> Round() {
    std::vector<float> out(high_.size());
    for (size_t offset = 0; offset < out.size(); offset += kBlock) {
      const size_t count = std::min(kBlock, out.size() - offset);
      Piece(offset, count, bins_[offset / kBlock]).Round(std::span(out).subspan(offset, count));
    }
    return out;
  }

 private:
  ReproducibleSum Piece(size_t begin, size_t count, ReproducibleSum::Bin bin) {
    return {std::span(high_).subspan(begin, count), std::span(low_).subspan(begin, count), bin};
  }

  std::vector<double> high_;
  std::vector<double> low_;
  std::vector<ReproducibleSum::Bin> bins_;
};

std::vector<float> SumInOrder(const std::vector<std::vector<float>>& addends,
                              const std::vector<int>& order) {
  VectorSum sum(addends[0].size());
  for (int i : order) sum.AddAll(addends[i]);
  return sum.Round();
}

// Magnitudes from subnormal to nearly the largest float, many of them powers of two and halves of
// grid quanta, so that ties and every move between bins occur.
std::vector<std::vector<float>> WildAddends(int count, size_t length, int min_exponent,
                                            int max_exponent, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> exponent(min_exponent, max_exponent);
  std::uniform_real_distribution<float> mantissa(1, 2);
  std::vector<std::vector<float>> addends(count, std::vector<float>(length));
  for (std::vector<float>& addend : addends) {
    const int common = exponent(random);
    for (float& value : addend) {
      const float m = random() % 3 == 0 ? 1.0f : random() % 3 == 0 ? 1.5f : mantissa(random);
      const int e =
          random() % 2 == 0 ? common : std::max(min_exponent, common - int(random() % 40));
      value = std::ldexp(random() % 2 ? m : -m, e);
    }
  }
  return addends;
}

TEST(ReproducibleSumTest, EveryOrderGivesTheSameBits) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    const auto addends = WildAddends(5, 64, -149, 120, seed);
    std::vector<int> order(addends.size());
    std::iota(order.begin(), order.end(), 0);
    const auto expected = Bits(SumInOrder(addends, order));
    while (std::next_permutation(order.begin(), order.end())) {
      ASSERT_EQ(Bits(SumInOrder(addends, order)), expected) << "seed " << seed;
    }
  }
}

TEST(ReproducibleSumTest, OrderWithinBlocksAndManyAddends) {
  const auto addends = WildAddends(300, 2 * kBlock + 7, -60, 60, 7);
  std::vector<int> order(addends.size());
  std::iota(order.begin(), order.end(), 0);
  const auto expected = Bits(SumInOrder(addends, order));
  std::mt19937 random(1);
  for (size_t piece : {kBlock, kBlock / 4, size_t{37}}) {
    VectorSum sum(addends[0].size());
    // Each block in an order of its own, some addends at once.
    for (size_t offset = 0; offset < addends[0].size(); offset += kBlock) {
      std::shuffle(order.begin(), order.end(), random);
      for (size_t next = 0; next < order.size();) {
        std::vector<const float*> group;
        for (size_t size = 1 + random() % 7; size > 0 && next < order.size(); --size) {
          group.push_back(addends[order[next++]].data());
        }
        sum.Add(offset, group, piece);
      }
    }
    EXPECT_EQ(Bits(sum.Round()), expected);
  }
}

TEST(ReproducibleSumTest, PlainSumsHaveTheSameBitsWhereTheySayTheyAreExact) {
  int exact = 0, inexact = 0;
  for (uint32_t seed = 0; seed < 400; ++seed) {
    std::mt19937 random(seed);
    const int addend_count = 1 + static_cast<int>(random() % 9);
    const int low = static_cast<int>(random() % 230) - 149;
    auto addends = WildAddends(addend_count, 61, low, low + static_cast<int>(random() % 40), seed);
    for (std::vector<float>& addend : addends) addend[random() % 61] = random() % 2 ? 0.0f : -0.0f;
    ReproducibleSum::Range range;
    std::vector<const float*> pointers;
    for (const std::vector<float>& addend : addends) {
      range.Include(ReproducibleSum::RangeOf(addend));
      pointers.push_back(addend.data());
    }
    if (!ReproducibleSum::PlainSumIsExact(range, addend_count)) {
      ++inexact;
      continue;
    }
    ++exact;
    std::vector<int> order(addend_count);
    std::iota(order.begin(), order.end(), 0);
    const auto expected = Bits(SumInOrder(addends, order));
    std::vector<float> plain(61);
    ReproducibleSum::PlainSum(pointers, plain);
    ASSERT_EQ(Bits(plain), expected) << "seed " << seed;
    // In the place of an addend.
    std::vector<float>& place = addends[random() % addends.size()];
    ReproducibleSum::PlainSum(pointers, place);
    ASSERT_EQ(Bits(place), expected) << "seed " << seed;
  }
  EXPECT_GT(exact, 50);
  EXPECT_GT(inexact, 50);
}

TEST(ReproducibleSumTest, APlainSumThatWouldRoundIsNotCalledExact) {
  const auto exact = [](std::vector<float> values, int addends) {
    return ReproducibleSum::PlainSumIsExact(ReproducibleSum::RangeOf(values), addends);
  };
  EXPECT_TRUE(exact({0, -0.0f}, 1 << 15));
  EXPECT_TRUE(exact({1, -0x1p-14f}, 100));
  EXPECT_TRUE(exact({0x1p-3f, 0x1p-30f}, 1));
  EXPECT_FALSE(exact({0x1p-3f, 0x1p-31f}, 7)) << "they take 54 bits";
  EXPECT_FALSE(exact({0x1p-3f, 0x1p-20f}, 1 << 12)) << "so many take 54 bits";
  EXPECT_FALSE(exact({0x1p37f, 0x1.000002p23f, 0x1p-16f}, 1)) << "the finer grid rounds";
  EXPECT_FALSE(exact({0x1p-149f, 1}, 1));
}

TEST(ReproducibleSumTest, IsAsCloseAsItsContractSays) {
  const auto addends = WildAddends(100, 1000, -20, 4, 3);
  std::vector<int> order(addends.size());
  std::iota(order.begin(), order.end(), 0);
  const auto sum = SumInOrder(addends, order);
  for (size_t i = 0; i < sum.size(); ++i) {
    long double exact = 0;
    for (const auto& addend : addends) exact += addend[i];
    // One rounding to float, and 2^-37 of the block's largest magnitude (< 2^5) per addend.
    const double tolerance = std::fabs(static_cast<double>(exact)) * 0x1p-24 + 100 * 0x1p-32;
    EXPECT_NEAR(sum[i], static_cast<double>(exact), tolerance);
  }
}

TEST(ReproducibleSumTest, SmallIntegersAreExact) {
  VectorSum sum(3);
  EXPECT_EQ(sum.Round(), (std::vector<float>{0, 0, 0})) << "nothing was added";
  for (int i = 0; i < 1000; ++i) sum.AddAll({1, -2, 0.5f});
  EXPECT_EQ(sum.Round(), (std::vector<float>{1000, -2000, 500}));
}

TEST(ReproducibleSumTest, WhatIsNotFiniteIsNoticed) {
  std::vector<float> values(kBlock, 1);
  EXPECT_NE(ReproducibleSum::RangeOf(values).bin, ReproducibleSum::kNotFinite);
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                    -std::numeric_limits<float>::infinity()}) {
    for (size_t place : {size_t{0}, size_t{500}, kBlock - 1}) {
      std::vector<float> damaged = values;
      damaged[place] = bad;
      EXPECT_EQ(ReproducibleSum::RangeOf(damaged).bin, ReproducibleSum::kNotFinite);
    }
  }
  values[7] = std::numeric_limits<float>::max();
  EXPECT_NE(ReproducibleSum::RangeOf(values).bin, ReproducibleSum::kNotFinite);
}

}  // namespace
}  // namespace gradloom
