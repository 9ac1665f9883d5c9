// Where a data file's bytes come from: a plain file (any range costs only itself), a gzip file's
// contents or a member of a zip archive (compressed: a range costs reading up to its end, but never
// more memory than one block). Immutable and thread-safe; reads share no position.
#ifndef GRADLOOM_MODELS_DATA_BYTE_SOURCE_H_
#define GRADLOOM_MODELS_DATA_BYTE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gradloom {

class ByteSource {
 public:
  // Blocks arrive in order; all are kBlockBytes long but the last. An error ends the stream.
  static constexpr int64_t kBlockBytes = 256 * 1024;
  // Largest contents; they are read once when opened, so more would keep the reader for too long.
  static constexpr int64_t kMaxBytes = int64_t{1} << 40;
  using Sink = absl::FunctionRef<absl::Status(std::span<const char>)>;

  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  const std::string& name() const { return name_; }  // for messages: "data.train.csv.file: FILE"
  int64_t size() const { return size_; }             // of the contents, uncompressed
  uint32_t checksum() const { return checksum_; }    // CRC-32C of the contents

  // Bytes [offset, offset + length), which must lie inside. DataLoss if the file has changed.
  virtual absl::Status Stream(int64_t offset, int64_t length, Sink sink) const = 0;
  // The same into memory, which the caller sizes from size(), never from a header alone.
  absl::Status Read(int64_t offset, std::span<char> out) const;

 protected:
  ByteSource() = default;
  // Reads the contents once, for the checksum. The size must be known.
  absl::Status TakeChecksum();
  std::string name_;
  int64_t size_ = 0;
  uint32_t checksum_ = 0;
};

// Opens the regular file at `path` under `base_folder` (unless absolute) and reads it once, for its
// size and checksum; one that begins like gzip stands for its uncompressed contents. `field` is the
// spec's field to name in messages, or empty.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenFile(absl::string_view path,
                                                     absl::string_view field,
                                                     absl::string_view base_folder);

// The same file as it is, which is not read: its checksum is 0.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenAsItIs(absl::string_view path,
                                                       absl::string_view field,
                                                       absl::string_view base_folder);

// Bytes in memory, which must outlive the source. Its checksum is 0.
std::unique_ptr<ByteSource> BytesInMemory(std::string name, absl::string_view bytes);

// InvalidArgument when contents have more than kMaxBytes.
absl::Status CheckContentsSize(absl::string_view name, int64_t bytes);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_BYTE_SOURCE_H_
