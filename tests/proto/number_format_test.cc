#include "proto/wire/number_format.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace gradloom {
namespace {

using internal_number_format::DecodeBf16;
using internal_number_format::DecodeFp16;
using internal_number_format::EncodeBf16;
using internal_number_format::EncodeFp16;

// What a code means, from the textbook: sign, exponent and fraction in double arithmetic.
double Meaning(uint16_t code, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (code >> fraction_bits) & ((1 << exponent_bits) - 1);
  const int fraction = code & ((1 << fraction_bits) - 1);
  const double sign = (code & 0x8000) != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

struct Format {
  v1::NumberFormat format;
  int exponent_bits, fraction_bits;
  uint16_t infinity;
};
constexpr Format kFormats[] = {{v1::BF16, 8, 7, 0x7f80}, {v1::FP16, 5, 10, 0x7c00}};

std::vector<uint16_t> Encoded(v1::NumberFormat format, const std::vector<float>& values) {
  std::vector<uint16_t> codes(values.size());
  EncodeValues(format, values, codes.data());
  return codes;
}

std::vector<float> AllDecoded(v1::NumberFormat format) {
  std::vector<uint16_t> codes(1 << 16);
  for (int i = 0; i < 1 << 16; ++i) codes[i] = static_cast<uint16_t>(i);
  std::vector<float> values(codes.size());
  DecodeValues(format, codes.data(), values);
  return values;
}

TEST(NumberFormat, DecodesEveryCodeToItsMeaningAndBack) {
  for (const Format& f : kFormats) {
    const std::vector<float> values = AllDecoded(f.format);
    const std::vector<uint16_t> codes = Encoded(f.format, values);
    for (int i = 0; i < 1 << 16; ++i) {
      const double meaning = Meaning(static_cast<uint16_t>(i), f.exponent_bits, f.fraction_bits);
      if (std::isnan(meaning)) {
        ASSERT_TRUE(std::isnan(values[i])) << i;
        ASSERT_EQ(codes[i], i | (1 << (f.fraction_bits - 1))) << "NaN becomes quiet";
      } else {
        ASSERT_EQ(values[i], meaning) << i;
        ASSERT_EQ(std::signbit(values[i]), std::signbit(meaning)) << i;
        ASSERT_EQ(codes[i], i);
      }
    }
  }
}

// Around every midpoint of two neighbouring codes: below, at (to the even code) and above.
TEST(NumberFormat, RoundsToNearestEvenAtEveryMidpoint) {
  for (const Format& f : kFormats) {
    std::vector<float> values;
    std::vector<uint16_t> expected;
    for (uint16_t code = 0; code < f.infinity; ++code) {
      const double low = Meaning(code, f.exponent_bits, f.fraction_bits);
      // Infinity's place is taken by the next step of the last binade.
      const double high = code + 1 < f.infinity ? Meaning(static_cast<uint16_t>(code + 1),
                                                          f.exponent_bits, f.fraction_bits)
                                                : std::ldexp(1, 1 << (f.exponent_bits - 1));
      const float middle = static_cast<float>(low + (high - low) / 2);
      if (static_cast<double>(middle) != low + (high - low) / 2) continue;  // below float's grid
      const uint16_t even = (code & 1) == 0 ? code : static_cast<uint16_t>(code + 1);
      values.push_back(middle);
      expected.push_back(even);
      values.push_back(std::nextafter(middle, 0.0f));
      expected.push_back(code);
      values.push_back(std::nextafter(middle, std::numeric_limits<float>::infinity()));
      expected.push_back(static_cast<uint16_t>(code + 1));
    }
    ASSERT_GT(values.size(), 3u * (f.infinity - 1000));
    const size_t positive = values.size();
    for (size_t i = 0; i < positive; ++i) {
      values.push_back(-values[i]);
      expected.push_back(expected[i] | 0x8000);
    }
    const std::vector<uint16_t> codes = Encoded(f.format, values);
    for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(codes[i], expected[i]) << values[i];
  }
}

TEST(NumberFormat, KnownBoundaries) {
  const std::vector<uint16_t> fp16 = Encoded(
      v1::FP16,
      {65519.0f, 65520.0f, 0x1p-25f, std::nextafter(0x1p-25f, 1.0f), 0x1p-24f, 1.0f, -0.0f, 1e30f});
  EXPECT_EQ(fp16, (std::vector<uint16_t>{0x7bff, 0x7c00, 0, 1, 1, 0x3c00, 0x8000, 0x7c00}));
  const float max = std::numeric_limits<float>::max();
  const float denormal = std::numeric_limits<float>::denorm_min();
  const std::vector<uint16_t> bf16 =
      Encoded(v1::BF16, {max, -max, 1.0f, denormal, 0x1p-133f, 0x1.8p-134f, 1.00390625f});
  EXPECT_EQ(bf16, (std::vector<uint16_t>{0x7f80, 0xff80, 0x3f80, 0, 1, 1, 0x3f80}));
}

TEST(NumberFormat, LargestEncodableIsTheLastThatStaysFinite) {
  for (const Format& f : kFormats) {
    const float largest = LargestEncodable(f.format);
    const float beyond = std::nextafter(largest, std::numeric_limits<float>::infinity());
    EXPECT_EQ(Encoded(f.format, {largest, beyond}),
              (std::vector<uint16_t>{static_cast<uint16_t>(f.infinity - 1), f.infinity}));
  }
  EXPECT_EQ(LargestEncodable(v1::FP32), std::numeric_limits<float>::max());
}

// The vectorised loops and their tails give the bits of the one-value definition.
TEST(NumberFormat, VectorisedEqualsOneAtATime) {
  std::mt19937 random(7);
  std::vector<float> values(100'003);
  for (float& value : values) value = std::bit_cast<float>(static_cast<uint32_t>(random()));
  for (size_t i = 0; i < values.size(); i += 3) {  // exponents that matter to fp16
    const uint32_t bits = std::bit_cast<uint32_t>(values[i]);
    values[i] = std::bit_cast<float>((bits & 0x807fffffu) | ((100u + bits % 48u) << 23));
  }
  const std::vector<uint16_t> bf16 = Encoded(v1::BF16, values);
  const std::vector<uint16_t> fp16 = Encoded(v1::FP16, values);
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(bf16[i], EncodeBf16(values[i])) << values[i];
    ASSERT_EQ(fp16[i], EncodeFp16(values[i])) << values[i];
  }
  const std::vector<float> from_bf16 = AllDecoded(v1::BF16), from_fp16 = AllDecoded(v1::FP16);
  for (int i = 0; i < 1 << 16; ++i) {
    const auto code = static_cast<uint16_t>(i);
    ASSERT_EQ(std::bit_cast<uint32_t>(from_bf16[i]), std::bit_cast<uint32_t>(DecodeBf16(code)));
    ASSERT_EQ(std::bit_cast<uint32_t>(from_fp16[i]), std::bit_cast<uint32_t>(DecodeFp16(code)));
  }
}

TEST(NumberFormat, EveryShortLengthAndUnalignedBuffers) {
  for (v1::NumberFormat format : {v1::FP32, v1::BF16, v1::FP16}) {
    for (size_t length = 0; length <= 40; ++length) {
      std::vector<float> values(length), back(length);
      for (size_t i = 0; i < length; ++i) values[i] = static_cast<float>(i) - 3.5f;
      std::string bytes(length * BytesPerValue(format) + 2, '\x55');
      EncodeValues(format, values, bytes.data() + 1);
      DecodeValues(format, bytes.data() + 1, back);
      EXPECT_EQ(back, values);
      EXPECT_EQ(bytes.front(), '\x55');
      EXPECT_EQ(bytes.back(), '\x55');
    }
  }
}

}  // namespace
}  // namespace gradloom
