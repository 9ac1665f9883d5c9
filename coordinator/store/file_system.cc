#include "coordinator/store/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

class Posix final : public FileSystem {
 public:
  absl::StatusOr<int> CreateFile(const std::string& path) override {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot create ", path));
    return file;
  }

  absl::StatusOr<int> OpenToAppend(const std::string& path) override {
    const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
    return file;
  }

  absl::Status Write(int file, const std::string& path, std::span<const std::byte> data) override {
    while (!data.empty()) {
      const ssize_t written = ::write(file, data.data(), data.size());
      if (written < 0) {
        if (errno == EINTR) continue;
        return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
      }
      data = data.subspan(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::Status Sync(int file, const std::string& path) override {
    if (::fdatasync(file) == 0) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot sync ", path));
  }

  absl::Status Close(int file, const std::string& path) override {
    if (::close(file) == 0) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot close ", path));
  }

  absl::Status SyncFolder(const std::string& path) override {
    const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open folder ", path));
    const int result = ::fsync(folder);
    const int error = errno;
    ::close(folder);
    if (result == 0) return absl::OkStatus();
    return absl::ErrnoToStatus(error, absl::StrCat("cannot sync folder ", path));
  }

  absl::Status CreateFolder(const std::string& path) override {
    if (::mkdir(path.c_str(), 0755) == 0) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot create folder ", path));
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot rename ", from, " to ", to));
  }

  absl::Status RemoveAll(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (!error) return absl::OkStatus();
    return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot remove ", path));
  }
};

}  // namespace

FileSystem& PosixFileSystem() {
  static Posix files;
  return files;
}

absl::Status EnsureFolder(FileSystem& files, const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return absl::OkStatus();
  const std::string parent =
      std::filesystem::absolute(path).lexically_normal().parent_path().string();
  if (parent == path) return absl::NotFoundError(absl::StrCat("no folder ", path));
  if (absl::Status status = EnsureFolder(files, parent); !status.ok()) return status;
  absl::Status status = files.CreateFolder(path);
  if (absl::IsAlreadyExists(status)) {
    // Somebody else was faster, or a file is in the way.
    if (std::filesystem::is_directory(path, error)) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("cannot create folder ", path, ": a file of that name is there"));
  }
  if (!status.ok()) return status;
  return files.SyncFolder(parent);
}

}  // namespace gradloom
