// The few operations on a disk that the store needs, so that a test can make any one of them fail
// or "crash" there, or do without a disk. Paths are plain strings; errors carry the path and the
// system's reason. Implementations are thread-safe.
#ifndef GRADLOOM_COORDINATOR_STORE_FILE_SYSTEM_H_
#define GRADLOOM_COORDINATOR_STORE_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gradloom {

enum class FileKind { kNone, kFile, kFolder, kOther };

struct FolderEntry {
  std::string name;
  FileKind kind = FileKind::kNone;  // of the entry itself: a link is kOther
};

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
  // A file, or a folder with all it holds; OK when there is nothing. Follows no link.
  virtual absl::Status RemoveAll(const std::string& path) = 0;

  // A regular file, open for reading until Close. NotFound; InvalidArgument for anything else,
  // which is not waited for.
  virtual absl::StatusOr<int> OpenToRead(const std::string& path) = 0;
  virtual absl::StatusOr<uint64_t> Size(int file, const std::string& path) = 0;
  // How many bytes were read from `offset` on: fewer than asked for only at the file's end.
  virtual absl::StatusOr<size_t> ReadAt(int file, const std::string& path, uint64_t offset,
                                        std::span<std::byte> out) = 0;
  // What opening the path would find, links followed; kNone when there is nothing.
  virtual absl::StatusOr<FileKind> KindOf(const std::string& path) = 0;
  // Ascending by name. NotFound when there is no such folder.
  virtual absl::StatusOr<std::vector<FolderEntry>> List(const std::string& path) = 0;

  // Takes the file (made if needed) for this holder alone until Close, or until its process ends,
  // however it does. FailedPrecondition says who has it. Only those who ask are kept out.
  virtual absl::StatusOr<int> Lock(const std::string& path) = 0;
};

// The machine's own.
FileSystem& PosixFileSystem();

// Creates a folder with its parents and makes their entries durable; OK when it is there already.
absl::Status EnsureFolder(FileSystem& files, const std::string& path);

// "a/b" of "a/b/c"; "." of "c".
std::string FolderOf(const std::string& path);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_FILE_SYSTEM_H_
