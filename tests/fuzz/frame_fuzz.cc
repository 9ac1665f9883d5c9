// Frames from a stranger: a FrameReader refuses them, or they tile the vector that their header
// promised.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/base/internal/raw_logging.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/frame.h"

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
    std::vector<float> values(range->count), scratch(range->count);
    reader.Decode(frame, values);
    const std::span<const float> view = reader.View(frame, scratch);
    ABSL_RAW_CHECK(view.size() == values.size(), "a view has the range's length");
  }
  ABSL_RAW_CHECK(!reader.Finish().ok() || next == reader.header().length(), "finished when whole");
}

}  // namespace
}  // namespace gradloom

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gradloom::ReadFrames({data, size});
  return 0;
}
