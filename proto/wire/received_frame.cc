#include "proto/wire/received_frame.h"

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <string>

#include "absl/base/internal/raw_logging.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/number_format.h"

namespace gradloom {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// The bytes of several pieces, one after the other.
class PieceStream final : public google::protobuf::io::ZeroCopyInputStream {
 public:
  explicit PieceStream(std::span<const absl::string_view> pieces) : pieces_(pieces) {}

  bool Next(const void** data, int* size) override {
    if (next_ == pieces_.size()) return false;
    const absl::string_view piece = pieces_[next_].substr(begin_);
    const size_t count = std::min<size_t>(piece.size(), INT_MAX);
    *data = piece.data();
    *size = static_cast<int>(count);
    Advance(count);
    return true;
  }
  void BackUp(int count) override {
    if (begin_ == 0) begin_ = pieces_[--next_].size();
    begin_ -= static_cast<size_t>(count);
    read_ -= count;
  }
  bool Skip(int count) override {
    while (count > 0) {
      if (next_ == pieces_.size()) return false;
      const size_t step = std::min<size_t>(count, pieces_[next_].size() - begin_);
      Advance(step);
      count -= static_cast<int>(step);
    }
    return true;
  }
  int64_t ByteCount() const override { return read_; }

 private:
  void Advance(size_t count) {
    read_ += static_cast<int64_t>(count);
    begin_ += count;
    if (begin_ < pieces_[next_].size()) return;
    ++next_;
    begin_ = 0;
  }

  std::span<const absl::string_view> pieces_;
  size_t next_ = 0;   // piece
  size_t begin_ = 0;  // of what is left of it
  int64_t read_ = 0;
};

// Bytes [begin, begin + size) of the pieces, which hold them.
std::vector<absl::string_view> Cut(std::span<const absl::string_view> pieces, size_t begin,
                                   size_t size) {
  std::vector<absl::string_view> cut;
  for (absl::string_view piece : pieces) {
    if (size == 0) break;
    if (begin >= piece.size()) {
      begin -= piece.size();
      continue;
    }
    cut.push_back(piece.substr(begin, size));
    begin = 0;
    size -= cut.back().size();
  }
  return cut;
}

// Where a bytes field lies; false when it is longer than what there is.
bool SkipBytes(CodedInputStream& in, size_t total, size_t* begin, size_t* size) {
  uint32_t length = 0;
  if (!in.ReadVarint32(&length)) return false;
  *begin = static_cast<size_t>(in.CurrentPosition());
  *size = length;
  return length <= total - *begin && in.Skip(static_cast<int>(length));
}

bool MergeHeader(CodedInputStream& in, v1::VectorHeader& header) {
  int length = 0;
  if (!in.ReadVarintSizeAsInt(&length)) return false;
  const CodedInputStream::Limit limit = in.PushLimit(length);
  if (!header.MergePartialFromCodedStream(&in) || !in.ConsumedEntireMessage() ||
      in.BytesUntilLimit() != 0) {
    return false;
  }
  in.PopLimit(limit);
  return true;
}

constexpr size_t kTileBytes = 8192;

}  // namespace

absl::StatusOr<ReceivedFrame> ReceivedFrame::Parse(std::span<const absl::string_view> pieces) {
  const absl::Status broken = absl::InvalidArgumentError("the message is no Frame");
  size_t total = 0;
  for (absl::string_view piece : pieces) total += piece.size();
  if (total > INT_MAX) return broken;
  PieceStream stream(pieces);
  CodedInputStream in(&stream);
  ReceivedFrame frame;
  size_t payload_begin = 0;
  while (const uint32_t tag = in.ReadTag()) {
    bool ok = false;
    switch (tag) {
      case WireFormatLite::MakeTag(v1::Frame::kHeaderFieldNumber,
                                   WireFormatLite::WIRETYPE_LENGTH_DELIMITED):
        frame.has_header_ = true;
        ok = MergeHeader(in, frame.header_);
        break;
      case WireFormatLite::MakeTag(v1::Frame::kOffsetFieldNumber, WireFormatLite::WIRETYPE_VARINT):
        ok = in.ReadVarint64(&frame.offset_);
        break;
      case WireFormatLite::MakeTag(v1::Frame::kPayloadFieldNumber,
                                   WireFormatLite::WIRETYPE_LENGTH_DELIMITED):
        ok = SkipBytes(in, total, &payload_begin, &frame.payload_bytes_);
        break;
      case WireFormatLite::MakeTag(v1::Frame::kCrc32CFieldNumber, WireFormatLite::WIRETYPE_FIXED32):
        ok = in.ReadLittleEndian32(&frame.crc32c_);
        break;
      default:
        ok = WireFormatLite::SkipField(&in, tag);
    }
    if (!ok) return broken;
  }
  if (!in.ConsumedEntireMessage()) return broken;
  frame.payload_ = Cut(pieces, payload_begin, frame.payload_bytes_);
  return frame;
}

uint32_t ReceivedFrame::Decode(v1::NumberFormat format, std::span<float> out) const {
  const size_t value_bytes = BytesPerValue(format);
  ABSL_RAW_CHECK(out.size() * value_bytes == payload_bytes_,
                 "the destination has another length than the frame");
  // A tile at a time, so that what was just copied is still in the nearest cache for its checksum.
  std::array<char, kTileBytes> codes;
  uint32_t crc = 0;
  auto piece = payload_.begin();
  size_t begin = 0;  // of what is left of the piece
  while (!out.empty()) {
    const size_t count = std::min(out.size(), kTileBytes / value_bytes);
    const size_t bytes = count * value_bytes;
    char* tile = value_bytes == sizeof(float) ? reinterpret_cast<char*>(out.data()) : codes.data();
    for (size_t filled = 0; filled < bytes;) {
      if (begin == piece->size()) {
        ++piece;
        begin = 0;
      }
      const size_t step = std::min(piece->size() - begin, bytes - filled);
      std::memcpy(tile + filled, piece->data() + begin, step);
      begin += step;
      filled += step;
    }
    crc = Crc32c({tile, bytes}, crc);
    if (value_bytes != sizeof(float)) DecodeValues(format, tile, out.first(count));
    out = out.subspan(count);
  }
  return crc;
}

}  // namespace gradloom
