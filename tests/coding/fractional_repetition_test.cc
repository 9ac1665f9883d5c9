#include "coding/codes/fractional_repetition.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace gradloom {
namespace {

TEST(FractionalRepetitionTest, UnevenGroupsShareTheDataEvenly) {
  const auto code = MakeFractionalRepetition({.slots = 256, .s = 27});
  EXPECT_EQ(code->parts(), 9);
  EXPECT_DOUBLE_EQ(code->load(), 1.0 / 9);
  std::vector<int> size(9);
  for (int slot = 0; slot < 256; ++slot) ++size[code->part(slot)];
  EXPECT_EQ(*std::min_element(size.begin(), size.end()), 28);
  EXPECT_EQ(*std::max_element(size.begin(), size.end()), 29);
}

TEST(FractionalRepetitionTest, NeighboursAreOfDifferentGroups) {
  const auto code = MakeFractionalRepetition({.slots = 256, .s = 31});
  for (int slot = 0; slot < 256; ++slot) {
    std::set<int> parts;
    for (int i = 0; i < 8; ++i) parts.insert(code->part((slot + i) % 256));
    EXPECT_EQ(parts.size(), 8) << slot;
  }
}

TEST(FractionalRepetitionTest, TakesTheLowestLiveSlotOfEachGroup) {
  const auto code = MakeFractionalRepetition({.slots = 6, .s = 2});  // groups {0,2,4}, {1,3,5}
  const auto decoding = code->Decode({false, true, false, true, true, true});
  ASSERT_TRUE(decoding.ok());
  EXPECT_EQ(decoding->weights, (std::vector<double>{0, 1, 0, 0, 1, 0}));
  EXPECT_EQ(decoding->residual, 0);
  EXPECT_EQ(decoding->amplification, 1);
}

TEST(FractionalRepetitionTest, NamesTheMissingPart) {
  const auto code = MakeFractionalRepetition({.slots = 6, .s = 1});
  const std::vector<bool> received = {true, true, false, true, true, false};
  EXPECT_FALSE(code->Decodable(received));
  const auto decoding = code->Decode(received);
  EXPECT_EQ(decoding.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(decoding.status().message(),
            "fractional_repetition: 1 of 3 parts have not arrived from any slot, the first is part "
            "2");
}

TEST(FractionalRepetitionTest, UncodedNeedsEverySlot) {
  const auto code = MakeRepetition("uncoded", 5, 0);
  EXPECT_EQ(code->name(), "uncoded");
  EXPECT_EQ(code->tolerance(), 0);
  EXPECT_DOUBLE_EQ(code->load(), 0.2);
  std::vector<bool> received(5, true);
  ASSERT_TRUE(code->Decode(received).ok());
  EXPECT_EQ(code->Decode(received)->weights, std::vector<double>(5, 1));
  for (int slot = 0; slot < 5; ++slot) {
    received[slot] = false;
    EXPECT_FALSE(code->Decodable(received));
    received[slot] = true;
  }
}

}  // namespace
}  // namespace gradloom
