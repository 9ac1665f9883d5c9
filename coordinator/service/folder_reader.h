// The files of a folder as pieces of a stream, read while others still write them. Not thread-safe.
#ifndef GRADLOOM_COORDINATOR_SERVICE_FOLDER_READER_H_
#define GRADLOOM_COORDINATOR_SERVICE_FOLDER_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/file_system.h"
#include "gradloom/v1/training.pb.h"

namespace gradloom {

// Regular files of the folder and of folders in it, in order of their names; links are not
// followed, and files that are about to be renamed (NAME.tmp) are left out. Each file is what it
// was when its turn came: what is appended later is not sent, a file replaced meanwhile is sent as
// it was, one that has gone before its turn is left out. Holds one file open.
class FolderReader {
 public:
  static constexpr size_t kPiece = 256 << 10;  // bytes of content, at most

  // NotFound when there is no such folder. `files` must outlive the reader.
  static absl::StatusOr<FolderReader> Open(std::string folder,
                                           FileSystem& files = PosixFileSystem());
  FolderReader(FolderReader&& other) noexcept;
  ~FolderReader();

  // The next piece; false when there is none. Aborted when a file became shorter while it was read:
  // the whole may be tried again.
  absl::StatusOr<bool> Next(v1::FetchResponse* piece);

 private:
  FolderReader(std::string folder, FileSystem& files)
      : folder_(std::move(folder)), files_(&files) {}

  absl::Status List(const std::string& below);
  // The next file that can be read; false when there is none left.
  absl::StatusOr<bool> OpenNext();
  std::string path() const { return folder_ + "/" + names_[next_ - 1]; }
  void Close();

  std::string folder_;
  FileSystem* files_;
  std::vector<std::string> names_;  // below the folder
  size_t next_ = 0;                 // of names_
  int file_ = -1;                   // of names_[next_ - 1]
  uint64_t size_ = 0, sent_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_FOLDER_READER_H_
