#include "coordinator/store/sha256.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace gradloom {
namespace {

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
