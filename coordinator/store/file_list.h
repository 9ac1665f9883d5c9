// What a program has put into a folder that is its user's, too, so that it can take that away
// again and nothing else. The list is the file ".gradloom-files" there: a line for each file, its
// CRC-32C, its length and its name, and for each folder that the program has made for itself alone.
// A file counts as ours while it has the bytes that were written: whoever changes one keeps it.
#ifndef GRADLOOM_COORDINATOR_STORE_FILE_LIST_H_
#define GRADLOOM_COORDINATOR_STORE_FILE_LIST_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/file_system.h"

namespace gradloom {

// Relative, of plain components ("a/b.txt"): no "..", no "." and nothing empty, no control
// character or backslash, at most 1,024 bytes.
bool IsSafeFileName(absl::string_view name);

// One per folder at a time; not thread-safe.
class FileList {
 public:
  static constexpr char kFile[] = ".gradloom-files";

  // The folder exists; no list is an empty one. Lines that make no sense are passed over: what is
  // not listed is not ours. `files` must outlive the list.
  static absl::StatusOr<FileList> Open(std::string folder, FileSystem& files = PosixFileSystem());

  // Names are relative to the folder. To be called before the file gets its place: a stop in
  // between leaves no file that nobody knows.
  absl::Status Add(const std::string& name, uint64_t bytes, uint32_t crc32c);
  // A folder that is ours with all that ever comes into it.
  absl::Status AddFolder(const std::string& name);
  bool HasFolder(const std::string& name) const;
  // Removes such a folder, and forgets it.
  absl::Status RemoveFolder(const std::string& name);

  // Removes the files that earlier users of the list have put there and this one has not added
  // again, and the folders that this leaves empty.
  absl::Status RemoveEarlier();

 private:
  struct Entry {
    bool folder = false;
    uint64_t bytes = 0;
    uint32_t crc32c = 0;
  };

  FileList(std::string folder, FileSystem& files) : files_(&files), folder_(std::move(folder)) {}

  static std::string LineOf(const std::string& name, const Entry& entry);
  absl::Status Append(const std::string& name, const Entry& entry);
  absl::Status RemoveFile(const std::string& name, const Entry& entry);
  absl::Status Rewrite();

  FileSystem* files_;
  std::string folder_;
  std::map<std::string, Entry> earlier_;
  std::map<std::string, Entry> ours_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_FILE_LIST_H_
