#include "coordinator/store/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "models/data/input_file.h"

namespace gradloom {
namespace {

FileKind KindOfMode(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::kFile;
  return S_ISDIR(mode) ? FileKind::kFolder : FileKind::kOther;
}

// Who holds a lock file, as its holder wrote it: "process 123 on ant". Anybody may have written
// there, so only what looks like it is repeated.
std::string Myself() {
  std::array<char, 256> host = {};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return absl::StrCat("process ", ::getpid(), host[0] == '\0' ? "" : " on ", host.data());
}

std::string Holder(int file) {
  std::array<char, 256> text = {};
  const ssize_t count = ::pread(file, text.data(), text.size(), 0);
  const std::string holder(absl::StripAsciiWhitespace(
      absl::string_view(text.data(), static_cast<size_t>(std::max<ssize_t>(0, count)))));
  const bool clean = std::all_of(holder.begin(), holder.end(), absl::ascii_isprint);
  return holder.empty() || !clean ? "another process" : holder;
}

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

  absl::StatusOr<int> OpenToRead(const std::string& path) override {
    absl::StatusOr<InputFile> file = InputFile::Open(path, path);
    if (!file.ok()) return file.status();
    return file->Release();
  }

  absl::StatusOr<uint64_t> Size(int file, const std::string& path) override {
    struct stat status = {};
    if (::fstat(file, &status) == 0) return static_cast<uint64_t>(status.st_size);
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  }

  absl::StatusOr<size_t> ReadAt(int file, const std::string& path, uint64_t offset,
                                std::span<std::byte> out) override {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t count =
          ::pread(file, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return done;
  }

  absl::StatusOr<FileKind> KindOf(const std::string& path) override {
    struct stat status = {};
    if (::stat(path.c_str(), &status) == 0) return KindOfMode(status.st_mode);
    if (errno == ENOENT || errno == ENOTDIR) return FileKind::kNone;
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  }

  absl::StatusOr<std::vector<FolderEntry>> List(const std::string& path) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
    if (folder == nullptr) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot list folder ", path));
    }
    std::vector<FolderEntry> entries;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(folder.get());
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat status = {};
      // What has gone meanwhile is not there.
      if (::fstatat(::dirfd(folder.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        continue;
      }
      entries.push_back({name, KindOfMode(status.st_mode)});
    }
    if (errno != 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot list folder ", path));
    std::sort(entries.begin(), entries.end(),
              [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
    return entries;
  }

  absl::StatusOr<int> Lock(const std::string& path) override {
    for (;;) {
      const int file =
          ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
      if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
      // The kernel gives it back when the last descriptor goes, even by SIGKILL.
      if (absl::Status status = TakeLock(file, path); !status.ok()) {
        ::close(file);
        return status;
      }
      // A file that was removed between the two calls locks nobody out.
      struct stat ours = {};
      struct stat there = {};
      if (::fstat(file, &ours) == 0 && ::stat(path.c_str(), &there) == 0 &&
          ours.st_ino == there.st_ino && ours.st_dev == there.st_dev) {
        return file;
      }
      ::close(file);
    }
  }

 private:
  static absl::Status TakeLock(int file, const std::string& path) {
    while (::flock(file, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) {
        return absl::ErrnoToStatus(errno, absl::StrCat("cannot lock ", path));
      }
      return absl::FailedPreconditionError(absl::StrCat(path, " is held by ", Holder(file)));
    }
    // For people alone: on a full disk the lock holds without it.
    const std::string text = Myself() + "\n";
    const bool told = ::ftruncate(file, 0) == 0 && ::pwrite(file, text.data(), text.size(), 0) >= 0;
    static_cast<void>(told);
    return absl::OkStatus();
  }
};

}  // namespace

FileSystem& PosixFileSystem() {
  static Posix files;
  return files;
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

absl::Status EnsureFolder(FileSystem& files, const std::string& path) {
  const auto in_the_way = [&path] {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot create folder ", path, ": a file of that name is there"));
  };
  const absl::StatusOr<FileKind> kind = files.KindOf(path);
  if (!kind.ok()) return kind.status();
  if (*kind == FileKind::kFolder) return absl::OkStatus();
  if (*kind != FileKind::kNone) return in_the_way();
  const std::string parent = FolderOf(std::filesystem::path(path).lexically_normal().string());
  if (parent == path) return absl::NotFoundError(absl::StrCat("no folder ", path));
  if (absl::Status status = EnsureFolder(files, parent); !status.ok()) return status;
  absl::Status status = files.CreateFolder(path);
  if (absl::IsAlreadyExists(status)) {
    // Somebody else was faster.
    const absl::StatusOr<FileKind> now = files.KindOf(path);
    return now.ok() && *now == FileKind::kFolder ? absl::OkStatus() : in_the_way();
  }
  if (!status.ok()) return status;
  return files.SyncFolder(parent);
}

}  // namespace gradloom
