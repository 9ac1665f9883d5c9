#include "proto/wire/frame.h"

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<float> Values(size_t length) {
  std::vector<float> values(length);
  for (size_t i = 0; i < length; ++i) values[i] = static_cast<float>(i % 251) - 125;
  return values;
}

std::vector<v1::Frame> Frames(const std::vector<float>& values, v1::NumberFormat format,
                              uint32_t frame_bytes = kMinFrameBytes) {
  v1::VectorHeader header;
  header.set_task(42);
  header.set_format(format);
  FrameWriter writer(header, values, frame_bytes);
  std::vector<v1::Frame> frames;
  for (v1::Frame frame; writer.Next(frame);) frames.push_back(frame);
  EXPECT_TRUE(writer.done());
  return frames;
}

absl::Status Read(const std::vector<v1::Frame>& frames, std::vector<float>& out,
                  uint64_t max_length = kMaxVectorLength) {
  FrameReader reader(max_length);
  for (const v1::Frame& frame : frames) {
    const auto range = reader.Accept(frame);
    if (!range.ok()) return range.status();
    out.resize(reader.header().length());
    reader.Decode(frame, std::span(out).subspan(range->offset, range->count));
  }
  return reader.Finish();
}

TEST(Frame, VectorsOfAllLengthsArriveWhole) {
  for (v1::NumberFormat format : {v1::NUMBER_FORMAT_UNSPECIFIED, v1::FP32, v1::BF16, v1::FP16}) {
    for (size_t length : {1, 2, 1023, 1024, 1025, 2048, 2049, 5000}) {
      const std::vector<float> values = Values(length);
      const std::vector<v1::Frame> frames = Frames(values, format);
      const uint32_t frame_values = frames[0].header().frame_values();
      EXPECT_EQ(frame_values % kFrameBlock, 0u);
      EXPECT_EQ(frames.size(), (length + frame_values - 1) / frame_values);
      EXPECT_EQ(frames[0].header().task(), 42u);
      std::vector<float> out;
      ASSERT_TRUE(Read(frames, out).ok());
      EXPECT_EQ(out, values);
    }
  }
}

TEST(Frame, FrameValuesAreWholeBlocksWithinTheLimits) {
  EXPECT_EQ(FrameValues(v1::FP32, 0), 65536u);
  EXPECT_EQ(FrameValues(v1::BF16, 0), 131072u);
  EXPECT_EQ(FrameValues(v1::FP32, 1), 1024u);
  EXPECT_EQ(FrameValues(v1::FP32, 10'000), 2048u);
  EXPECT_EQ(FrameValues(v1::FP32, 1u << 31), kMaxFrameBytes / 4);
}

struct Damage {
  const char* name;
  void (*apply)(std::vector<v1::Frame>&);
  absl::StatusCode code;
  const char* message;
};
const Damage kDamages[] = {
    {"no header", [](auto& f) { f[0].clear_header(); }, absl::StatusCode::kInvalidArgument,
     "frame.header is missing"},
    {"header twice", [](auto& f) { *f[1].mutable_header() = f[0].header(); },
     absl::StatusCode::kInvalidArgument, "frame.header came again at offset 1024"},
    {"format", [](auto& f) { f[0].mutable_header()->set_format(static_cast<v1::NumberFormat>(9)); },
     absl::StatusCode::kInvalidArgument, "frame.header.format 9 is unknown; known: FP32"},
    {"length 0", [](auto& f) { f[0].mutable_header()->set_length(0); },
     absl::StatusCode::kInvalidArgument, "frame.header.length 0 is out of range; legal: 1 to 3000"},
    {"too long", [](auto& f) { f[0].mutable_header()->set_length(3001); },
     absl::StatusCode::kInvalidArgument, "frame.header.length 3001 is out of range"},
    {"frame values", [](auto& f) { f[0].mutable_header()->set_frame_values(1000); },
     absl::StatusCode::kInvalidArgument, "frame_values 1000 is illegal; legal: multiples of 1024"},
    {"frame values", [](auto& f) { f[0].mutable_header()->set_frame_values(1 << 30); },
     absl::StatusCode::kInvalidArgument, "frame_values 1073741824 is illegal"},
    {"gap", [](auto& f) { f.erase(f.begin() + 1); }, absl::StatusCode::kInvalidArgument,
     "frame.offset 2048 is out of order; expected 1024 of 3000"},
    {"repeated",
     [](auto& f) {
       f.insert(f.begin() + 1, f[1]);
       f[2] = f[1];
     },
     absl::StatusCode::kInvalidArgument, "frame.offset 1024 is out of order; expected 2048"},
    {"after the end", [](auto& f) { f.push_back(f.back()); }, absl::StatusCode::kInvalidArgument,
     "frame.offset 2048 is past the end"},
    {"short payload", [](auto& f) { f[1].mutable_payload()->pop_back(); },
     absl::StatusCode::kInvalidArgument,
     "frame.payload at offset 1024 has 4095 bytes; expected 4096 (1024 values of FP32)"},
    {"bit flip", [](auto& f) { (*f[1].mutable_payload())[77] ^= 4; }, absl::StatusCode::kDataLoss,
     "frame.crc32c at offset 1024"},
    {"cut off", [](auto& f) { f.pop_back(); }, absl::StatusCode::kDataLoss,
     "ended after 2048 of 3000 values"},
    {"empty", [](auto& f) { f.clear(); }, absl::StatusCode::kDataLoss, "before its first frame"},
};

TEST(Frame, EveryDamageIsToldByNameAndValue) {
  for (const Damage& damage : kDamages) {
    std::vector<v1::Frame> frames = Frames(Values(3000), v1::FP32);
    damage.apply(frames);
    std::vector<float> out;
    const absl::Status status = Read(frames, out, 3000);
    EXPECT_EQ(status.code(), damage.code) << damage.name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(damage.message)) << damage.name;
  }
}

// Whatever comes in, reading neither crashes nor writes outside what the header promised.
TEST(Frame, RandomDamageNeverPasses) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    std::vector<v1::Frame> frames = Frames(Values(3000), v1::BF16);
    std::string bytes = frames[i % 2].SerializeAsString();
    bytes[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
    v1::Frame damaged;
    if (!damaged.ParseFromString(bytes)) continue;
    frames[i % 2] = damaged;
    std::vector<float> out;
    const absl::Status status = Read(frames, out, 3000);
    if (status.ok()) {
      // Only the header's descriptive fields carry no check of their own.
      EXPECT_EQ(out, Values(3000));
    }
  }
}

}  // namespace
}  // namespace gradloom
