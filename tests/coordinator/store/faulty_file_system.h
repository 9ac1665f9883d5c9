// The machine's file system with one fault: at operation number `fail_at` it either reports an
// error once (a full disk) or "crashes": that operation is half done and every later one fails
// without effect. After a crash, Lose() takes from the disk what was never synced, as a power cut
// may.
#ifndef GRADLOOM_TESTS_COORDINATOR_STORE_FAULTY_FILE_SYSTEM_H_
#define GRADLOOM_TESTS_COORDINATOR_STORE_FAULTY_FILE_SYSTEM_H_

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/store/file_system.h"

namespace gradloom {

class FaultyFileSystem final : public FileSystem {
 public:
  enum class Fault { kError, kCrash };
  FaultyFileSystem(int fail_at, Fault fault) : fail_at_(fail_at), fault_(fault) {}

  int operations() const { return operations_; }
  bool fault_happened() const { return operations_ > fail_at_; }

  absl::StatusOr<int> CreateFile(const std::string& path) override {
    if (absl::Status status = Next(); !status.ok()) return status;
    unsynced_.insert(path);
    return PosixFileSystem().CreateFile(path);
  }
  absl::StatusOr<int> OpenToAppend(const std::string& path) override {
    if (absl::Status status = Next(); !status.ok()) return status;
    return PosixFileSystem().OpenToAppend(path);
  }
  absl::Status Write(int file, const std::string& path, std::span<const std::byte> data) override {
    const bool crashed_before = crashed_;
    if (absl::Status status = Next(); !status.ok()) {
      if (!crashed_before) {
        PosixFileSystem().Write(file, path, data.first(data.size() / 2)).IgnoreError();
      }
      return status;
    }
    return PosixFileSystem().Write(file, path, data);
  }
  absl::Status Sync(int file, const std::string& path) override {
    if (absl::Status status = Next(); !status.ok()) return status;
    unsynced_.erase(path);
    return PosixFileSystem().Sync(file, path);
  }
  absl::Status Close(int file, const std::string& path) override {
    // Always closed for real, so that tests do not run out of descriptors.
    absl::Status closed = PosixFileSystem().Close(file, path);
    if (reading_.erase(file) > 0) return closed;
    if (absl::Status status = Next(); !status.ok()) return status;
    return closed;
  }
  absl::Status SyncFolder(const std::string& path) override {
    if (absl::Status status = Next(); !status.ok()) return status;
    std::erase_if(renames_, [&](const auto& rename) {
      return std::filesystem::path(rename.second).parent_path() == path;
    });
    return PosixFileSystem().SyncFolder(path);
  }
  absl::Status CreateFolder(const std::string& path) override {
    if (absl::Status status = Next(); !status.ok()) return status;
    return PosixFileSystem().CreateFolder(path);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (absl::Status status = Next(); !status.ok()) return status;
    // Replacing a file cannot be undone here; both outcomes of that are whole files anyway.
    if (!std::filesystem::exists(to)) renames_.emplace_back(from, to);
    return PosixFileSystem().Rename(from, to);
  }
  absl::Status RemoveAll(const std::string& path) override {
    if (absl::Status status = Next(); !status.ok()) {
      // Half of a removal: one file of the folder is gone.
      if (crashed_ && operations_ == fail_at_ + 1 && std::filesystem::is_directory(path)) {
        const std::filesystem::directory_iterator it(path);
        if (it != std::filesystem::directory_iterator()) std::filesystem::remove_all(it->path());
      }
      return status;
    }
    std::erase_if(renames_, [&](const auto& rename) { return rename.second == path; });
    return PosixFileSystem().RemoveAll(path);
  }

  // Reading goes on as before: what matters is what a fault leaves behind.
  absl::StatusOr<int> OpenToRead(const std::string& path) override {
    absl::StatusOr<int> file = PosixFileSystem().OpenToRead(path);
    if (file.ok()) reading_.insert(*file);
    return file;
  }
  absl::StatusOr<uint64_t> Size(int file, const std::string& path) override {
    return PosixFileSystem().Size(file, path);
  }
  absl::StatusOr<size_t> ReadAt(int file, const std::string& path, uint64_t offset,
                                std::span<std::byte> out) override {
    return PosixFileSystem().ReadAt(file, path, offset, out);
  }
  absl::StatusOr<FileKind> KindOf(const std::string& path) override {
    return PosixFileSystem().KindOf(path);
  }
  absl::StatusOr<std::vector<FolderEntry>> List(const std::string& path) override {
    return PosixFileSystem().List(path);
  }
  absl::StatusOr<int> Lock(const std::string& path) override {
    absl::StatusOr<int> file = PosixFileSystem().Lock(path);
    if (file.ok()) reading_.insert(*file);
    return file;
  }

  // Undoes the renames whose folder was not synced, newest first, and halves the files that were
  // not.
  void Lose() {
    for (auto it = renames_.rbegin(); it != renames_.rend(); ++it) {
      std::error_code error;
      std::filesystem::rename(it->second, it->first, error);
    }
    for (const std::string& path : unsynced_) {
      std::error_code error;
      const auto size = std::filesystem::file_size(path, error);
      if (!error) std::filesystem::resize_file(path, size / 2, error);
    }
  }

 private:
  absl::Status Next() {
    const int operation = operations_++;
    if (operation < fail_at_) return absl::OkStatus();
    if (operation > fail_at_ && fault_ == Fault::kError) return absl::OkStatus();
    crashed_ = fault_ == Fault::kCrash;
    return absl::ResourceExhaustedError("no space left on device");
  }

  int fail_at_;
  Fault fault_;
  int operations_ = 0;
  bool crashed_ = false;
  std::set<std::string> unsynced_;
  std::set<int> reading_;                                     // or locked
  std::vector<std::pair<std::string, std::string>> renames_;  // not yet synced
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_COORDINATOR_STORE_FAULTY_FILE_SYSTEM_H_
