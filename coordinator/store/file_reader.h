// Reading files through the port.
#ifndef GRADLOOM_COORDINATOR_STORE_FILE_READER_H_
#define GRADLOOM_COORDINATOR_STORE_FILE_READER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/file_system.h"

namespace gradloom {

// A regular file, open for reading. Thread-safe; move-only.
class FileReader {
 public:
  // NotFound; InvalidArgument when it is no regular file. `files` must outlive the reader.
  static absl::StatusOr<FileReader> Open(FileSystem& files, const std::string& path);
  FileReader(FileReader&& other) noexcept;
  FileReader& operator=(FileReader&& other) = delete;
  ~FileReader();

  const std::string& path() const { return path_; }
  // When it was opened.
  uint64_t size() const { return size_; }
  // All of `out`; DataLoss when the file ends before.
  absl::Status Read(uint64_t offset, std::span<std::byte> out) const;
  // As much as there is of it.
  absl::StatusOr<size_t> ReadSome(uint64_t offset, std::span<std::byte> out) const;

 private:
  FileReader(FileSystem& files, std::string path, int file, uint64_t size)
      : files_(&files), path_(std::move(path)), file_(file), size_(size) {}

  FileSystem* files_;
  std::string path_;
  int file_;  // -1: moved from
  uint64_t size_;
};

// A text file line by line, in memory that does not grow with it.
class LineReader {
 public:
  // A longer line is cut there, and says so; its rest comes as the next.
  static constexpr size_t kLineBytesMax = size_t{1} << 20;

  // `file` must outlive the reader.
  explicit LineReader(const FileReader& file) : file_(&file) {}

  struct Line {
    absl::string_view text;  // without the line end; valid until the next call
    bool ended = false;      // by a line end: only a file's last line may have none
    bool cut = false;
  };
  // Nothing at the end of the file.
  absl::StatusOr<std::optional<Line>> Next();

 private:
  absl::Status Fill();

  const FileReader* file_;
  uint64_t offset_ = 0;  // of what has not been read
  std::string buffer_;
  size_t begin_ = 0;  // of what has not been given out
  bool at_end_ = false;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_FILE_READER_H_
