// A file system of its own, in memory: what needs no real disk is tested without one.
#ifndef GRADLOOM_TESTS_COORDINATOR_STORE_MEMORY_FILE_SYSTEM_H_
#define GRADLOOM_TESTS_COORDINATOR_STORE_MEMORY_FILE_SYSTEM_H_

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "coordinator/store/file_system.h"

namespace gradloom {

class MemoryFileSystem final : public FileSystem {
 public:
  // Every file's contents, by path.
  std::map<std::string, std::string> Files() const {
    std::lock_guard lock(mutex_);
    std::map<std::string, std::string> files;
    for (const auto& [path, file] : files_) files[path] = *file;
    return files;
  }
  void Put(const std::string& path, const std::string& contents) {
    std::lock_guard lock(mutex_);
    files_[path] = std::make_shared<std::string>(contents);
    for (std::string folder = FolderOf(path); folders_.insert(folder).second;) {
      folder = FolderOf(folder);
    }
  }
  // Nothing but these.
  void Reset(const std::map<std::string, std::string>& files) {
    {
      std::lock_guard lock(mutex_);
      files_.clear();
      folders_.clear();
    }
    for (const auto& [path, contents] : files) Put(path, contents);
  }
  // A disk of so many bytes: what would be more is refused.
  void SetCapacity(size_t bytes) {
    std::lock_guard lock(mutex_);
    capacity_ = bytes;
  }
  // What was made durable or given its place, in order: "sync PATH", "rename PATH".
  std::vector<std::string> Commits() const {
    std::lock_guard lock(mutex_);
    return commits_;
  }
  int OpenFiles() const {
    std::lock_guard lock(mutex_);
    return static_cast<int>(open_.size());
  }
  int OpenFilesMax() const {
    std::lock_guard lock(mutex_);
    return open_max_;
  }

  absl::StatusOr<int> CreateFile(const std::string& path) override {
    std::lock_guard lock(mutex_);
    if (Kind(path) != FileKind::kNone) return absl::AlreadyExistsError(path);
    if (Kind(FolderOf(path)) != FileKind::kFolder) return absl::NotFoundError(path);
    files_[path] = std::make_shared<std::string>();
    return Open(path);
  }
  absl::StatusOr<int> OpenToAppend(const std::string& path) override { return OpenToRead(path); }
  absl::Status Write(int file, const std::string& path, std::span<const std::byte> data) override {
    std::lock_guard lock(mutex_);
    size_t used = 0;
    for (const auto& [name, contents] : files_) used += contents->size();
    // As a disk does: what fits is written.
    const size_t fits = std::min(data.size(), capacity_ - std::min(capacity_, used));
    open_.at(file)->append(reinterpret_cast<const char*>(data.data()), fits);
    if (fits == data.size()) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat("cannot write ", path, ": no space left"));
  }
  absl::Status Sync(int, const std::string& path) override {
    std::lock_guard lock(mutex_);
    commits_.push_back("sync " + path);
    return absl::OkStatus();
  }
  absl::Status Close(int file, const std::string&) override {
    std::lock_guard lock(mutex_);
    open_.erase(file);
    locked_.erase(file);
    return absl::OkStatus();
  }
  absl::Status SyncFolder(const std::string&) override { return absl::OkStatus(); }
  absl::Status CreateFolder(const std::string& path) override {
    std::lock_guard lock(mutex_);
    if (Kind(path) != FileKind::kNone) return absl::AlreadyExistsError(path);
    if (Kind(FolderOf(path)) != FileKind::kFolder) return absl::NotFoundError(path);
    folders_.insert(path);
    return absl::OkStatus();
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    std::lock_guard lock(mutex_);
    if (Kind(from) == FileKind::kNone) return absl::NotFoundError(from);
    commits_.push_back("rename " + to);
    const auto moved = [&](const std::string& path) { return to + path.substr(from.size()); };
    const auto below = [&](const std::string& path) {
      return path == from || absl::StartsWith(path, from + "/");
    };
    std::map<std::string, std::shared_ptr<std::string>> files;
    for (const auto& [path, file] : files_) {
      if (!below(path)) files.emplace(path, file);
    }
    for (const auto& [path, file] : files_) {
      if (below(path)) files[moved(path)] = file;
    }
    std::set<std::string> folders;
    for (const std::string& path : folders_) folders.insert(below(path) ? moved(path) : path);
    files_.swap(files);
    folders_.swap(folders);
    return absl::OkStatus();
  }
  absl::Status RemoveAll(const std::string& path) override {
    std::lock_guard lock(mutex_);
    const auto below = [&](const std::string& at) {
      return at == path || absl::StartsWith(at, path + "/");
    };
    std::erase_if(files_, [&](const auto& entry) { return below(entry.first); });
    std::erase_if(folders_, below);
    return absl::OkStatus();
  }

  absl::StatusOr<int> OpenToRead(const std::string& path) override {
    std::lock_guard lock(mutex_);
    if (Kind(path) == FileKind::kNone) return absl::NotFoundError(absl::StrCat("no file ", path));
    if (Kind(path) != FileKind::kFile) {
      return absl::InvalidArgumentError(absl::StrCat(path, " is a folder; legal: a regular file"));
    }
    return Open(path);
  }
  absl::StatusOr<uint64_t> Size(int file, const std::string&) override {
    std::lock_guard lock(mutex_);
    return open_.at(file)->size();
  }
  absl::StatusOr<size_t> ReadAt(int file, const std::string&, uint64_t offset,
                                std::span<std::byte> out) override {
    std::lock_guard lock(mutex_);
    const std::string& contents = *open_.at(file);
    if (offset >= contents.size()) return size_t{0};
    const size_t count = std::min<size_t>(out.size(), contents.size() - offset);
    std::memcpy(out.data(), contents.data() + offset, count);
    return count;
  }
  absl::StatusOr<FileKind> KindOf(const std::string& path) override {
    std::lock_guard lock(mutex_);
    return Kind(path);
  }
  absl::StatusOr<std::vector<FolderEntry>> List(const std::string& path) override {
    std::lock_guard lock(mutex_);
    if (Kind(path) != FileKind::kFolder) return absl::NotFoundError(path);
    std::map<std::string, FileKind> names;
    const auto add = [&](const std::string& at, FileKind kind) {
      if (at != path && FolderOf(at) == path) names[at.substr(at.rfind('/') + 1)] = kind;
    };
    for (const auto& [file, contents] : files_) add(file, FileKind::kFile);
    for (const std::string& folder : folders_) add(folder, FileKind::kFolder);
    std::vector<FolderEntry> entries;
    for (const auto& [name, kind] : names) entries.push_back({name, kind});
    return entries;
  }
  absl::StatusOr<int> Lock(const std::string& path) override {
    std::lock_guard lock(mutex_);
    for (const auto& [file, locked] : locked_) {
      if (locked == path) return absl::FailedPreconditionError(path + " is held by this process");
    }
    if (Kind(path) == FileKind::kNone) files_[path] = std::make_shared<std::string>();
    const int file = Open(path);
    locked_[file] = path;
    return file;
  }

 private:
  FileKind Kind(const std::string& path) const {
    if (files_.contains(path)) return FileKind::kFile;
    return path == "/" || path == "." || folders_.contains(path) ? FileKind::kFolder
                                                                 : FileKind::kNone;
  }
  int Open(const std::string& path) {
    open_[next_] = files_.at(path);
    open_max_ = std::max(open_max_, static_cast<int>(open_.size()));
    return next_++;
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<std::string>> files_;
  std::set<std::string> folders_;
  std::map<int, std::shared_ptr<std::string>> open_;
  std::map<int, std::string> locked_;
  std::vector<std::string> commits_;
  size_t capacity_ = SIZE_MAX;
  int next_ = 3;
  int open_max_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_COORDINATOR_STORE_MEMORY_FILE_SYSTEM_H_
