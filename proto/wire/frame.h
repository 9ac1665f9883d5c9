// Vectors as streams of frames (worker.proto): a FrameWriter cuts a vector into frames and encodes
// each while it is sent, a FrameReader checks and decodes them as they come, so neither side holds
// more than a frame beside the vector. Any length up to 2^32 values. The readers trust nothing:
// every field is checked against what the vector's header promised and against the limits.
// Thread-compatible.
#ifndef GRADLOOM_PROTO_WIRE_FRAME_H_
#define GRADLOOM_PROTO_WIRE_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gradloom/v1/worker.pb.h"
#include "proto/wire/number_format.h"
#include "proto/wire/received_frame.h"

namespace gradloom {

// Frames hold whole blocks of so many values (the last one of a vector may be cut short), because
// ReproducibleSum adds whole blocks.
inline constexpr uint32_t kFrameBlock = 1024;
inline constexpr uint32_t kDefaultFrameBytes = 256 * 1024;
inline constexpr uint32_t kMinFrameBytes = 4 * kFrameBlock;
// Below gRPC's default limit of 4 MiB a message.
inline constexpr uint32_t kMaxFrameBytes = 2 * 1024 * 1024;
inline constexpr uint64_t kMaxVectorLength = uint64_t{1} << 32;  // values

// Values in a frame of about `frame_bytes` payload: a multiple of kFrameBlock, at least one block;
// frame_bytes is brought within [kMinFrameBytes, kMaxFrameBytes], 0 means the default.
uint32_t FrameValues(v1::NumberFormat format, uint32_t frame_bytes);

class FrameWriter {
 public:
  // `header` says what the vector is (run, task, version, ..., format); its length and frame_values
  // are filled in here. `values` is borrowed, holds 1 to kMaxVectorLength values, and is read as
  // frames are asked for.
  FrameWriter(const v1::VectorHeader& header, std::span<const float> values,
              uint32_t frame_bytes = kDefaultFrameBytes);

  // Fills the next frame; false when there is none left. Pass the same message again to reuse its
  // memory.
  bool Next(v1::Frame& frame);
  // The vector ends with the frame that Next() gave last.
  bool done() const { return next_ == values_.size(); }
  const v1::VectorHeader& header() const { return header_; }

 private:
  v1::VectorHeader header_;
  std::span<const float> values_;
  size_t next_ = 0;
};

class FrameReader {
 public:
  // Elements [offset, offset + count) of the vector.
  struct Range {
    size_t offset = 0;
    size_t count = 0;
  };

  // Vectors longer than `max_length` are refused.
  explicit FrameReader(uint64_t max_length = kMaxVectorLength) : max_length_(max_length) {}

  // Checks the next frame of the stream and says which elements it holds: the header comes first
  // and once, frames are in order without gaps. InvalidArgument names the field, its value and what
  // is legal; DataLoss when the payload's CRC is wrong. After an error the vector is lost.
  absl::StatusOr<Range> Accept(const v1::Frame& frame);
  // The same for a frame that is still as it came, and decodes its values into the beginning of
  // `out`: at least header.frame_values, which the caller has checked when the header came.
  absl::StatusOr<Range> Accept(const ReceivedFrame& frame, std::span<float> out);
  // The end of the stream: DataLoss when it came before the vector's end.
  absl::Status Finish() const;

  // After the first Accept(): what the vector is; format is never UNSPECIFIED.
  const v1::VectorHeader& header() const { return header_; }
  bool has_header() const { return has_header_; }
  bool done() const { return has_header_ && next_ == header_.length(); }

  // Decodes an accepted frame's values; out.size() is the range's count.
  void Decode(const v1::Frame& frame, std::span<float> out) const;

 private:
  // A frame's fields but its payload.
  struct Fields {
    const v1::VectorHeader* header = nullptr;  // null: none
    uint64_t offset = 0;
    uint32_t crc32c = 0;
    size_t payload_bytes = 0;
  };

  absl::Status CheckHeader(const v1::VectorHeader* header);
  absl::StatusOr<Range> Check(const Fields& fields);
  // The end of Accept: the payload's CRC is `crc`.
  absl::StatusOr<Range> Advance(const Fields& fields, const Range& range, uint32_t crc);

  uint64_t max_length_;
  v1::VectorHeader header_;
  bool has_header_ = false;
  uint64_t next_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_WIRE_FRAME_H_
