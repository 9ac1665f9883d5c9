// Frames from a stranger: a FrameReader refuses them, or they tile the vector that their header
// promised; read as they come, in pieces, they are what generated code reads.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/string_view.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/frame.h"
#include "proto/wire/received_frame.h"

namespace gradloom {
namespace {

// A frame is two bytes of length and a serialised message; an odd length asks for its checksum to
// be put right, which no fuzzer guesses.
bool NextFrame(std::span<const uint8_t>& bytes, v1::Frame& frame) {
  if (bytes.size() < 2) return false;
  const size_t stated = bytes[0] | bytes[1] << 8;
  const size_t length = std::min(stated, bytes.size() - 2);
  if (!frame.ParseFromArray(bytes.data() + 2, static_cast<int>(length))) return false;
  if (stated % 2 == 1) {
    frame.set_crc32c(Crc32c(frame.payload()));
  }
  bytes = bytes.subspan(2 + length);
  return true;
}

void ReadFrames(std::span<const uint8_t> bytes) {
  FrameReader reader;
  size_t next = 0;
  for (v1::Frame frame; NextFrame(bytes, frame);) {
    const absl::StatusOr<FrameReader::Range> range = reader.Accept(frame);
    if (!range.ok()) return;
    ABSL_RAW_CHECK(range->offset == next, "frames come in order");
    next += range->count;
    ABSL_RAW_CHECK(next <= reader.header().length(), "frames stay inside the vector");
    std::vector<float> values(range->count);
    reader.Decode(frame, values);
  }
  ABSL_RAW_CHECK(!reader.Finish().ok() || next == reader.header().length(), "finished when whole");
}

// The bytes in pieces of the first byte's size.
void ReadPieces(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return;
  const size_t step = std::max<size_t>(1, bytes[0]);
  const absl::string_view message(reinterpret_cast<const char*>(bytes.data()) + 1,
                                  bytes.size() - 1);
  std::vector<absl::string_view> pieces;
  for (size_t at = 0; at < message.size(); at += step) pieces.push_back(message.substr(at, step));
  v1::Frame frame;
  const bool parsed = frame.ParseFromArray(message.data(), static_cast<int>(message.size()));
  const absl::StatusOr<ReceivedFrame> received = ReceivedFrame::Parse(pieces);
  if (!parsed) return;  // what has over-long varints only generated code refuses
  ABSL_RAW_CHECK(received.ok(), "what is a frame is one in pieces too");
  ABSL_RAW_CHECK(received->has_header() == frame.has_header() &&
                     received->header().SerializeAsString() == frame.header().SerializeAsString() &&
                     received->offset() == frame.offset() && received->crc32c() == frame.crc32c() &&
                     received->payload_bytes() == frame.payload().size(),
                 "the fields are the same");
  if (frame.payload().size() % sizeof(float) != 0) return;
  std::vector<float> values(frame.payload().size() / sizeof(float));
  ABSL_RAW_CHECK(received->Decode(v1::FP32, values) == Crc32c(frame.payload()),
                 "the payload is the same");
}

}  // namespace
}  // namespace gradloom

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gradloom::ReadFrames({data, size});
  gradloom::ReadPieces({data, size});
  return 0;
}
