// Files that appear whole or not at all, and checksummed streaming writes.
#ifndef GRADLOOM_COORDINATOR_STORE_ATOMIC_FILE_H_
#define GRADLOOM_COORDINATOR_STORE_ATOMIC_FILE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/file_system.h"

namespace gradloom {

// A new file that is written from start to end; counts bytes and CRC-32C on the way. Destroyed
// before Finish, it closes the file and leaves what was written. Move-only, not thread-safe.
class FileWriter {
 public:
  // AlreadyExists when there is a file of that name. `files` must outlive the writer.
  static absl::StatusOr<FileWriter> Create(FileSystem& files, const std::string& path);
  FileWriter(FileWriter&& other) noexcept;
  FileWriter& operator=(FileWriter&& other) = delete;
  ~FileWriter();

  absl::Status Append(std::span<const std::byte> data);
  absl::Status Append(absl::string_view text);
  // On OK the contents are on the disk; the folder's entry is not, until its own sync.
  absl::Status Finish();
  // The same without waiting for the disk: for what can be had again.
  absl::Status FinishUnsynced();

  uint64_t bytes() const { return bytes_; }
  uint32_t crc32c() const { return crc32c_; }

 private:
  FileWriter(FileSystem& files, std::string path, int file)
      : files_(&files), path_(std::move(path)), file_(file) {}

  FileSystem* files_;
  std::string path_;
  int file_;  // -1: closed
  uint64_t bytes_ = 0;
  uint32_t crc32c_ = 0;
};

// Writes path + ".tmp", syncs, renames, syncs the folder. On an error the old file, if any, is
// untouched, and the temporary one is removed where that is possible. One writer per path. `fill`
// writes the contents; its error is returned.
absl::Status WriteFileAtomically(FileSystem& files, const std::string& path,
                                 const std::function<absl::Status(FileWriter&)>& fill);
absl::Status WriteFileAtomically(FileSystem& files, const std::string& path,
                                 absl::string_view contents);

// NotFound; FailedPrecondition when it is larger than limit bytes, InvalidArgument when it is no
// regular file.
absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t limit,
                                     FileSystem& files = PosixFileSystem());

// CRC-32C of a file, read once; *bytes is its length.
absl::StatusOr<uint32_t> FileCrc32c(const std::string& path, uint64_t* bytes,
                                    FileSystem& files = PosixFileSystem());

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_ATOMIC_FILE_H_
