// Files that grow at their end, through a bounded number of descriptors however many files there
// are.
#ifndef GRADLOOM_COORDINATOR_STORE_APPEND_FILE_H_
#define GRADLOOM_COORDINATOR_STORE_APPEND_FILE_H_

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/file_system.h"

namespace gradloom {

// One, open. Sync may be called beside Append, by another thread; Append by one at a time.
class AppendFile {
 public:
  // NotFound when there is none. `files` must outlive the file.
  static absl::StatusOr<std::shared_ptr<AppendFile>> Open(FileSystem& files,
                                                          const std::string& path);
  // AlreadyExists when there is one.
  static absl::StatusOr<std::shared_ptr<AppendFile>> Create(FileSystem& files,
                                                            const std::string& path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  const std::string& path() const { return path_; }
  // In the file, visible to other programs, when it returns.
  absl::Status Append(absl::string_view text);
  // On the disk when it returns.
  absl::Status Sync();

 private:
  AppendFile(FileSystem& files, std::string path, int file)
      : files_(&files), path_(std::move(path)), file_(file) {}

  FileSystem* files_;
  std::string path_;
  int file_;
};

// Any number, of which the latest few are open. Not thread-safe.
class AppendFiles {
 public:
  // open_max: at least 1. `files` must outlive this.
  AppendFiles(FileSystem& files, size_t open_max) : files_(&files), open_max_(open_max) {}

  FileSystem& files() { return *files_; }
  // AlreadyExists when there is one.
  absl::Status Create(const std::string& path);
  // As AppendFile's; NotFound when there is none (any more).
  absl::Status Append(const std::string& path, absl::string_view text);

 private:
  using Open = std::list<std::shared_ptr<AppendFile>>;

  void MakeRoom();
  void Add(std::shared_ptr<AppendFile> file);

  FileSystem* files_;
  size_t open_max_;
  Open open_;  // the latest first
  std::map<std::string, Open::iterator> by_path_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_APPEND_FILE_H_
