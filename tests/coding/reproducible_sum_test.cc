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

std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

std::vector<float> SumInOrder(const std::vector<std::vector<float>>& addends,
                              const std::vector<int>& order) {
  ReproducibleSum sum(addends[0].size());
  for (int i : order) EXPECT_TRUE(sum.Add(0, addends[i]).ok());
  std::vector<float> out(addends[0].size());
  sum.Round(0, out);
  return out;
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
  const auto addends = WildAddends(300, 2 * ReproducibleSum::kBlock + 7, -60, 60, 7);
  std::vector<int> order(addends.size());
  std::iota(order.begin(), order.end(), 0);
  const auto expected = Bits(SumInOrder(addends, order));
  std::mt19937 random(1);
  for (int repeat = 0; repeat < 5; ++repeat) {
    ReproducibleSum sum(addends[0].size());
    // Each block in an order of its own.
    for (size_t offset = 0; offset < addends[0].size(); offset += ReproducibleSum::kBlock) {
      std::shuffle(order.begin(), order.end(), random);
      const size_t count = std::min(ReproducibleSum::kBlock, addends[0].size() - offset);
      for (int i : order) {
        ASSERT_TRUE(sum.Add(offset, std::span(addends[i]).subspan(offset, count)).ok());
      }
    }
    std::vector<float> out(addends[0].size());
    sum.Round(0, out);
    EXPECT_EQ(Bits(out), expected);
  }
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
  ReproducibleSum sum(3);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(sum.Add(0, std::vector<float>{1, -2, 0.5f}).ok());
  std::vector<float> out(3);
  sum.Round(0, out);
  EXPECT_EQ(out, (std::vector<float>{1000, -2000, 500}));
  sum.Clear();
  sum.Round(0, out);
  EXPECT_EQ(out, (std::vector<float>{0, 0, 0}));
}

TEST(ReproducibleSumTest, RefusesWhatIsNotFiniteAndAddsNothing) {
  ReproducibleSum sum(2000);
  std::vector<float> values(2000, 1);
  ASSERT_TRUE(sum.Add(0, values).ok());
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                    -std::numeric_limits<float>::infinity()}) {
    values[1500] = bad;
    const absl::Status status = sum.Add(0, values);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("element 1500"), absl::string_view::npos) << status;
  }
  std::vector<float> out(2000);
  sum.Round(0, out);
  EXPECT_EQ(out, std::vector<float>(2000, 1));
}

TEST(ReproducibleSumTest, RefusesPartialBlocks) {
  ReproducibleSum sum(3000);
  EXPECT_FALSE(sum.Add(1, std::vector<float>(1024)).ok());
  EXPECT_FALSE(sum.Add(0, std::vector<float>(1000)).ok());
  EXPECT_FALSE(sum.Add(2048, std::vector<float>(1024)).ok());
  EXPECT_TRUE(sum.Add(2048, std::vector<float>(952)).ok());
}

}  // namespace
}  // namespace gradloom
