// Where a data file's bytes come from: a plain file (any range costs only itself), a gzip file's
// contents or a member of a zip archive (deflated: a range costs reading up to its end, but never
// more memory than one block). Immutable and thread-safe; every read opens nothing and shares no
// position.
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
  std::string name_;
  int64_t size_ = 0;
  uint32_t checksum_ = 0;
};

// Opens the file at `path` under `base_folder` (unless absolute) and reads it once, for its size
// and checksum. `field` is the spec's field to name in messages. With `gunzip`, a file that begins
// like gzip stands for its uncompressed contents.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenFile(absl::string_view path,
                                                     absl::string_view field,
                                                     absl::string_view base_folder,
                                                     bool gunzip = false);

// The bytes [offset, offset + length) of `file`, as they are or deflated without a gzip header.
// `name` replaces the name. InvalidArgument if the part does not lie inside the file.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenPart(std::shared_ptr<const ByteSource> file,
                                                     std::string name, int64_t offset,
                                                     int64_t length, bool deflated);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_BYTE_SOURCE_H_
