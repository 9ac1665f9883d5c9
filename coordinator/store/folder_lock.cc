#include "coordinator/store/folder_lock.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace gradloom {

absl::StatusOr<FolderLock> FolderLock::Take(const std::string& folder, FileSystem& files) {
  if (absl::Status status = EnsureFolder(files, folder); !status.ok()) return status;
  std::string path = absl::StrCat(folder, "/", kFile);
  const absl::StatusOr<int> file = files.Lock(path);
  if (absl::IsFailedPrecondition(file.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("folder ", folder, " is in use: ", file.status().message()));
  }
  if (!file.ok()) return file.status();
  return FolderLock(files, std::move(path), *file);
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : files_(other.files_), path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

FolderLock::~FolderLock() {
  // The file stays: whoever waits for it may have it open already.
  if (file_ >= 0) files_->Close(file_, path_).IgnoreError();
}

}  // namespace gradloom
