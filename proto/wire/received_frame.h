// A frame as it comes off the network: a serialised v1::Frame in pieces, whose payload is decoded
// straight to its destination. Generated code would copy it into a string first; at the data
// plane's rates that copy shows. Thread-compatible.
#ifndef GRADLOOM_PROTO_WIRE_RECEIVED_FRAME_H_
#define GRADLOOM_PROTO_WIRE_RECEIVED_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gradloom/v1/worker.pb.h"

namespace gradloom {

class ReceivedFrame {
 public:
  // Reads what generated code would read, unknown fields and any order included (and varints longer
  // than they need be), from the bytes of `pieces` in a row. InvalidArgument when they are no
  // Frame. The bytes are borrowed.
  static absl::StatusOr<ReceivedFrame> Parse(std::span<const absl::string_view> pieces);

  bool has_header() const { return has_header_; }
  const v1::VectorHeader& header() const { return header_; }
  uint64_t offset() const { return offset_; }
  uint32_t crc32c() const { return crc32c_; }  // as stated
  size_t payload_bytes() const { return payload_bytes_; }

  // Decodes the payload, which must be of `out`'s length, and returns its true CRC.
  uint32_t Decode(v1::NumberFormat format, std::span<float> out) const;

 private:
  bool has_header_ = false;
  v1::VectorHeader header_;
  uint64_t offset_ = 0;
  uint32_t crc32c_ = 0;
  size_t payload_bytes_ = 0;
  std::vector<absl::string_view> payload_;
};

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_WIRE_RECEIVED_FRAME_H_
