// Members of a zip archive, as numpy.savez and savez_compressed write them, read by libzip. A range
// of a stored member costs its own bytes, one of a compressed member reading up to its end.
#ifndef GRADLOOM_MODELS_DATA_ZIP_ARCHIVE_H_
#define GRADLOOM_MODELS_DATA_ZIP_ARCHIVE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/data/byte_source.h"

namespace gradloom {

// Immutable and thread-safe.
class ZipArchive {
 public:
  // Reads the directory. DataLoss names the file and what is wrong.
  static absl::StatusOr<ZipArchive> Open(std::shared_ptr<const ByteSource> file);

  const std::string& name() const { return file_->name(); }
  const std::vector<std::string>& members() const { return members_; }  // their names
  // Reads the member once, which checks its size and CRC-32. It keeps the file open.
  absl::StatusOr<std::unique_ptr<ByteSource>> OpenMember(size_t member) const;

 private:
  explicit ZipArchive(std::shared_ptr<const ByteSource> file) : file_(std::move(file)) {}

  std::shared_ptr<const ByteSource> file_;
  std::vector<std::string> members_;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_ZIP_ARCHIVE_H_
