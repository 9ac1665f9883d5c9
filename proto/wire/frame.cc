#include "proto/wire/frame.h"

#include <algorithm>
#include <string>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/wire/crc32c.h"

namespace gradloom {

uint32_t FrameValues(v1::NumberFormat format, uint32_t frame_bytes) {
  if (frame_bytes == 0) frame_bytes = kDefaultFrameBytes;
  frame_bytes = std::clamp(frame_bytes, kMinFrameBytes, kMaxFrameBytes);
  const uint32_t values = frame_bytes / static_cast<uint32_t>(BytesPerValue(format));
  return std::max(kFrameBlock, values / kFrameBlock * kFrameBlock);
}

FrameWriter::FrameWriter(const v1::VectorHeader& header, std::span<const float> values,
                         uint32_t frame_bytes)
    : header_(header), values_(values) {
  ABSL_RAW_CHECK(!values.empty() && values.size() <= kMaxVectorLength, "vector length");
  ABSL_RAW_CHECK(IsKnownNumberFormat(header.format()), "number format");
  if (header_.format() == v1::NUMBER_FORMAT_UNSPECIFIED) header_.set_format(v1::FP32);
  header_.set_length(values.size());
  header_.set_frame_values(FrameValues(header_.format(), frame_bytes));
}

bool FrameWriter::Next(v1::Frame& frame) {
  if (done()) return false;
  if (next_ == 0) {
    *frame.mutable_header() = header_;
  } else {
    frame.clear_header();
  }
  const size_t count = std::min<size_t>(header_.frame_values(), values_.size() - next_);
  std::string& payload = *frame.mutable_payload();
  payload.resize(count * BytesPerValue(header_.format()));
  EncodeValues(header_.format(), values_.subspan(next_, count), payload.data());
  frame.set_offset(next_);
  frame.set_crc32c(Crc32c(payload));
  next_ += count;
  return true;
}

absl::Status FrameReader::CheckHeader(const v1::VectorHeader* first) {
  if (first == nullptr) {
    return absl::InvalidArgumentError("frame.header is missing: the first frame carries it");
  }
  const v1::VectorHeader& header = *first;
  if (!IsKnownNumberFormat(header.format())) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame.header.format ", static_cast<int>(header.format()),
                     " is unknown; known: FP32 (1), BF16 (2), FP16 (3)"));
  }
  if (header.length() < 1 || header.length() > std::min(max_length_, kMaxVectorLength)) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame.header.length ", header.length(), " is out of range; legal: 1 to ",
                     std::min(max_length_, kMaxVectorLength), " values"));
  }
  const uint32_t most = kMaxFrameBytes / static_cast<uint32_t>(BytesPerValue(header.format()));
  if (header.frame_values() == 0 || header.frame_values() % kFrameBlock != 0 ||
      header.frame_values() > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame.header.frame_values ", header.frame_values(),
                     " is illegal; legal: multiples of ", kFrameBlock, " up to ", most));
  }
  header_ = header;
  if (header_.format() == v1::NUMBER_FORMAT_UNSPECIFIED) header_.set_format(v1::FP32);
  has_header_ = true;
  return absl::OkStatus();
}

absl::StatusOr<FrameReader::Range> FrameReader::Accept(const v1::Frame& frame) {
  const Fields fields = {frame.has_header() ? &frame.header() : nullptr, frame.offset(),
                         frame.crc32c(), frame.payload().size()};
  absl::StatusOr<Range> range = Check(fields);
  if (!range.ok()) return range;
  return Advance(fields, *range, Crc32c(frame.payload()));
}

absl::StatusOr<FrameReader::Range> FrameReader::Accept(const ReceivedFrame& frame,
                                                       std::span<float> out) {
  const Fields fields = {frame.has_header() ? &frame.header() : nullptr, frame.offset(),
                         frame.crc32c(), frame.payload_bytes()};
  absl::StatusOr<Range> range = Check(fields);
  if (!range.ok()) return range;
  ABSL_RAW_CHECK(out.size() >= range->count, "the destination is smaller than the frame");
  return Advance(fields, *range, frame.Decode(header_.format(), out.first(range->count)));
}

absl::StatusOr<FrameReader::Range> FrameReader::Check(const Fields& fields) {
  if (!has_header_) {
    if (absl::Status status = CheckHeader(fields.header); !status.ok()) return status;
  } else if (fields.header != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("frame.header came again at offset ",
                                                   fields.offset,
                                                   "; legal: in a vector's first frame only"));
  }
  if (done()) {
    return absl::InvalidArgumentError(absl::StrCat("frame.offset ", fields.offset,
                                                   " is past the end: the vector's ",
                                                   header_.length(), " values are complete"));
  }
  if (fields.offset != next_) {
    return absl::InvalidArgumentError(absl::StrCat("frame.offset ", fields.offset,
                                                   " is out of order; expected ", next_, " of ",
                                                   header_.length(), " values"));
  }
  const uint64_t count = std::min<uint64_t>(header_.frame_values(), header_.length() - next_);
  const uint64_t bytes = count * BytesPerValue(header_.format());
  if (fields.payload_bytes != bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame.payload at offset ", fields.offset, " has ", fields.payload_bytes,
                     " bytes; expected ", bytes, " (", count, " values of ",
                     v1::NumberFormat_Name(header_.format()), ")"));
  }
  return Range{static_cast<size_t>(next_), static_cast<size_t>(count)};
}

absl::StatusOr<FrameReader::Range> FrameReader::Advance(const Fields& fields, const Range& range,
                                                        uint32_t crc) {
  if (crc != fields.crc32c) {
    return absl::DataLossError(
        absl::StrFormat("frame.crc32c at offset %d is 0x%08x, but the payload's is 0x%08x: it was "
                        "damaged on the way",
                        fields.offset, fields.crc32c, crc));
  }
  next_ += range.count;
  return range;
}

absl::Status FrameReader::Finish() const {
  if (done()) return absl::OkStatus();
  if (!has_header_) return absl::DataLossError("the stream ended before its first frame");
  return absl::DataLossError(
      absl::StrCat("the stream ended after ", next_, " of ", header_.length(), " values"));
}

void FrameReader::Decode(const v1::Frame& frame, std::span<float> out) const {
  ABSL_RAW_CHECK(out.size() * BytesPerValue(header_.format()) == frame.payload().size(),
                 "the destination has another length than the frame");
  DecodeValues(header_.format(), frame.payload().data(), out);
}

}  // namespace gradloom
