#include "proto/wire/received_frame.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/frame.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

std::vector<absl::string_view> Pieces(absl::string_view message, size_t step) {
  std::vector<absl::string_view> pieces;
  for (size_t at = 0; at < message.size(); at += step) pieces.push_back(message.substr(at, step));
  return pieces;
}

// Pieces of random sizes, empty ones among them.
std::vector<absl::string_view> RandomPieces(absl::string_view message, std::mt19937& random) {
  std::vector<absl::string_view> pieces;
  while (!message.empty()) {
    const size_t size = std::min<size_t>(message.size(), random() % 3 == 0 ? 0 : random() % 5000);
    pieces.push_back(message.substr(0, size));
    message.remove_prefix(size);
  }
  return pieces;
}

std::vector<float> Values(size_t length) {
  std::mt19937 random(1);
  std::vector<float> values(length);
  for (float& value : values) value = static_cast<float>(random() % 65536) / 256 - 128;
  return values;
}

TEST(ReceivedFrame, VectorsArriveAsWithGeneratedCode) {
  std::mt19937 random(7);
  for (v1::NumberFormat format : {v1::NUMBER_FORMAT_UNSPECIFIED, v1::FP32, v1::BF16, v1::FP16}) {
    for (size_t length : {1, 1023, 1024, 5000, 9000}) {
      const std::vector<float> values = Values(length);
      v1::VectorHeader header;
      header.set_task(42);
      header.set_format(format);
      FrameWriter writer(header, values, 16384);
      FrameReader generated, received;
      std::vector<float> expected(length), out(length), buffer(1 << 14);
      for (v1::Frame frame; writer.Next(frame);) {
        const std::string message = frame.SerializeAsString();
        const auto range = generated.Accept(frame);
        ASSERT_TRUE(range.ok());
        generated.Decode(frame, std::span(expected).subspan(range->offset, range->count));
        const auto parsed = ReceivedFrame::Parse(RandomPieces(message, random));
        ASSERT_TRUE(parsed.ok()) << parsed.status();
        const auto accepted = received.Accept(*parsed, buffer);
        ASSERT_TRUE(accepted.ok()) << accepted.status();
        EXPECT_EQ(accepted->offset, range->offset);
        ASSERT_EQ(accepted->count, range->count);
        std::copy_n(buffer.begin(), range->count,
                    out.begin() + static_cast<int64_t>(range->offset));
      }
      EXPECT_TRUE(received.Finish().ok());
      EXPECT_EQ(received.header().task(), 42u);
      EXPECT_EQ(out, expected);
    }
  }
}

TEST(ReceivedFrame, FieldsMayComeInAnyOrderAndRepeatedly) {
  v1::Frame early, late;
  early.set_offset(1);
  early.set_payload("1234");
  early.set_crc32c(1);
  early.mutable_header()->set_run(3);
  late.set_payload("abcdefgh");
  late.set_offset(1024);
  late.mutable_header()->set_task(9);
  // Field 15 of every wire type: a version to come.
  const std::string unknown(
      "\x78\x01\x79"
      "12345678"
      "\x7a\x03"
      "abc"
      "\x7d"
      "1234",
      21);
  const std::string message =
      early.SerializeAsString() + unknown + late.SerializeAsString() + unknown;
  v1::Frame both;
  ASSERT_TRUE(both.ParseFromString(message));
  for (size_t step : {1, 2, 3, 7, 1000}) {
    const auto received = ReceivedFrame::Parse(Pieces(message, step));
    ASSERT_TRUE(received.ok());
    EXPECT_EQ(received->offset(), both.offset());
    EXPECT_EQ(received->crc32c(), both.crc32c());
    EXPECT_EQ(received->header().run(), 3u);
    EXPECT_EQ(received->header().task(), 9u);
    ASSERT_EQ(received->payload_bytes(), 8u);
    std::vector<float> values(2);
    EXPECT_EQ(received->Decode(v1::FP32, values), Crc32c("abcdefgh"));
  }
}

TEST(ReceivedFrame, AnEmptyMessageIsAnEmptyFrame) {
  const auto received = ReceivedFrame::Parse({});
  ASSERT_TRUE(received.ok());
  EXPECT_FALSE(received->has_header());
  EXPECT_EQ(received->payload_bytes(), 0u);
}

TEST(ReceivedFrame, BrokenMessagesAreRefused) {
  v1::Frame frame;
  frame.set_payload(std::string(100, 'x'));
  frame.set_offset(1 << 20);
  frame.mutable_header()->set_length(100);
  frame.set_crc32c(5);
  const std::string message = frame.SerializeAsString();
  int refused = 0;
  for (size_t size = 0; size < message.size(); ++size) {
    const std::string cut = message.substr(0, size);
    v1::Frame parsed;
    const bool expected = parsed.ParseFromString(cut);
    EXPECT_EQ(ReceivedFrame::Parse(Pieces(cut, 13)).ok(), expected) << size << " bytes";
    if (!expected) ++refused;
  }
  EXPECT_GT(refused, 100);
  for (const std::string& broken :
       {std::string("\x00", 1), std::string("\x0b"), std::string("\x1a\xff\xff\xff\xff\x0f"),
        std::string("\x0a\x02\x08"), std::string("\xff")}) {
    EXPECT_EQ(ReceivedFrame::Parse(Pieces(broken, 1)).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(ReceivedFrame, TheReaderChecksIt) {
  const std::vector<float> values = Values(2000);
  FrameWriter writer({}, values, kMinFrameBytes);
  v1::Frame frame;
  writer.Next(frame);
  std::vector<float> buffer(kFrameBlock);
  const auto accept = [&buffer](FrameReader& reader, const v1::Frame& sent) {
    const std::string message = sent.SerializeAsString();
    return reader.Accept(*ReceivedFrame::Parse(Pieces(message, 100)), buffer).status();
  };
  v1::Frame damaged = frame;
  (*damaged.mutable_payload())[99] ^= 1;
  FrameReader reader;
  EXPECT_EQ(accept(reader, damaged).code(), absl::StatusCode::kDataLoss);
  damaged = frame;
  damaged.mutable_payload()->resize(100);
  FrameReader another;
  EXPECT_THAT(std::string(accept(another, damaged).message()),
              HasSubstr("frame.payload at offset 0 has 100 bytes; expected 4096"));
  FrameReader whole;
  EXPECT_TRUE(accept(whole, frame).ok());
  EXPECT_THAT(std::string(accept(whole, frame).message()), HasSubstr("frame.header came again"));
}

}  // namespace
}  // namespace gradloom
