// The few operations on a disk that the store needs to write, so that a test can make any one of
// them fail or "crash" there. Paths are plain strings; errors carry the path and the system's
// reason. Implementations are thread-safe.
#ifndef GRADLOOM_COORDINATOR_STORE_FILE_SYSTEM_H_
#define GRADLOOM_COORDINATOR_STORE_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gradloom {

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // A new file, open for writing; AlreadyExists when there is one.
  virtual absl::StatusOr<int> CreateFile(const std::string& path) = 0;
  // An existing file, open for writing at its end.
  virtual absl::StatusOr<int> OpenToAppend(const std::string& path) = 0;
  // All of data, at the file's end.
  virtual absl::Status Write(int file, const std::string& path,
                             std::span<const std::byte> data) = 0;
  // Returns once the file's contents are on the disk.
  virtual absl::Status Sync(int file, const std::string& path) = 0;
  virtual absl::Status Close(int file, const std::string& path) = 0;
  // Returns once the folder's entries (creations, renames) are on the disk.
  virtual absl::Status SyncFolder(const std::string& path) = 0;
  // AlreadyExists when there is one.
  virtual absl::Status CreateFolder(const std::string& path) = 0;
  // Atomic; replaces a file at `to`.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  // A file, or a folder with all it holds; OK when there is nothing.
  virtual absl::Status RemoveAll(const std::string& path) = 0;
};

// The machine's own.
FileSystem& PosixFileSystem();

// Creates a folder with its parents and makes their entries durable; OK when it is there already.
absl::Status EnsureFolder(FileSystem& files, const std::string& path);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_FILE_SYSTEM_H_
