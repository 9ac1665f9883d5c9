#include "proto/wire/crc32c.h"

#include <string>

#include "gtest/gtest.h"

namespace gradloom {
namespace {

uint32_t Bitwise(const std::string& text) {
  uint32_t crc = ~0U;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82F63B78U : 0);
  }
  return ~crc;
}

TEST(Crc32cTest, CheckValues) {
  EXPECT_EQ(Crc32c(""), 0);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAU);  // RFC 3720, B.4
}

TEST(Crc32cTest, AgreesWithABitwiseOracleInAnyPieces) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text.push_back(static_cast<char>(i * i >> 3));
  for (const size_t length : {1, 7, 8, 255, 1024, 4999}) {
    EXPECT_EQ(Crc32c(text.substr(0, length)), Bitwise(text.substr(0, length)));
    EXPECT_EQ(Crc32c(text.substr(length), Crc32c(text.substr(0, length))), Bitwise(text));
  }
}

}  // namespace
}  // namespace gradloom
