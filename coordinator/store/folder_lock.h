// One process at a time in a folder: a lock on the file ".lock" in it, which the system takes back
// when its process ends, however it does. It keeps out only who asks for it, too. Take it before
// anything in the folder is read.
#ifndef GRADLOOM_COORDINATOR_STORE_FOLDER_LOCK_H_
#define GRADLOOM_COORDINATOR_STORE_FOLDER_LOCK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/file_system.h"

namespace gradloom {

// Held until destroyed. Move-only.
class FolderLock {
 public:
  // The lock file's name.
  static constexpr char kFile[] = ".lock";

  // Makes the folder if needed. FailedPrecondition names the folder and the process that uses it.
  // `files` must outlive the lock.
  static absl::StatusOr<FolderLock> Take(const std::string& folder,
                                         FileSystem& files = PosixFileSystem());
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) = delete;
  ~FolderLock();

 private:
  FolderLock(FileSystem& files, std::string path, int file)
      : files_(&files), path_(std::move(path)), file_(file) {}

  FileSystem* files_;
  std::string path_;
  int file_;  // -1: moved from
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_FOLDER_LOCK_H_
