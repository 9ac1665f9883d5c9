#include <algorithm>
#include <string>
#include <vector>

#include "coordinator/store/crc32c.h"
#include "coordinator/store/sha256.h"
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
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  for (const size_t length : {1, 7, 8, 255, 1024, 4999}) {
    EXPECT_EQ(Crc32c(text.substr(0, length)), Bitwise(text.substr(0, length)));
    uint32_t crc = ExtendCrc32c(0, bytes.first(length));
    crc = ExtendCrc32c(crc, bytes.subspan(length));
    EXPECT_EQ(crc, Bitwise(text));
  }
}

TEST(Sha256Test, CheckValues) {
  Sha256 empty;
  EXPECT_EQ(empty.HexDigest(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 abc;  // FIPS 180-4, in two pieces
  const std::string text = "abc";
  abc.Update(std::as_bytes(std::span(text.data(), 1)));
  abc.Update(std::as_bytes(std::span(text.data() + 1, 2)));
  EXPECT_EQ(abc.HexDigest(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Test, FloatsAreTheirBytes) {
  const std::vector<float> values = {1.0F, -0.0F};
  const std::string text("\x00\x00\x80\x3f\x00\x00\x00\x80", 8);
  Sha256 floats;
  floats.Update(values);
  Sha256 bytes;
  bytes.Update(std::as_bytes(std::span(text.data(), text.size())));
  EXPECT_EQ(floats.HexDigest(), bytes.HexDigest());
}

}  // namespace
}  // namespace gradloom
