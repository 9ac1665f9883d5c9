#include "coordinator/store/file_reader.h"

#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

constexpr size_t kPiece = size_t{1} << 16;

}  // namespace

absl::StatusOr<FileReader> FileReader::Open(FileSystem& files, const std::string& path) {
  const absl::StatusOr<int> file = files.OpenToRead(path);
  if (!file.ok()) return file.status();
  FileReader reader(files, path, *file, 0);
  const absl::StatusOr<uint64_t> size = files.Size(*file, path);
  if (!size.ok()) return size.status();
  reader.size_ = *size;
  return reader;
}

FileReader::FileReader(FileReader&& other) noexcept
    : files_(other.files_),
      path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      size_(other.size_) {}

FileReader::~FileReader() {
  if (file_ >= 0) files_->Close(file_, path_).IgnoreError();
}

absl::StatusOr<size_t> FileReader::ReadSome(uint64_t offset, std::span<std::byte> out) const {
  return files_->ReadAt(file_, path_, offset, out);
}

absl::Status FileReader::Read(uint64_t offset, std::span<std::byte> out) const {
  const absl::StatusOr<size_t> count = ReadSome(offset, out);
  if (!count.ok()) return count.status();
  if (*count == out.size()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path_, " ends at byte ", offset + *count,
                                          "; legal: ", out.size() - *count, " more"));
}

absl::Status LineReader::Fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const size_t had = buffer_.size();
  buffer_.resize(had + kPiece);
  const absl::StatusOr<size_t> count =
      file_->ReadSome(offset_, std::as_writable_bytes(std::span(&buffer_[had], kPiece)));
  buffer_.resize(had + count.value_or(0));
  if (!count.ok()) return count.status();
  offset_ += *count;
  at_end_ = *count < kPiece;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<LineReader::Line>> LineReader::Next() {
  const auto take = [this](size_t length, bool ended, bool cut) {
    const Line line{absl::string_view(buffer_).substr(begin_, length), ended, cut};
    begin_ += length + (ended ? 1 : 0);
    return line;
  };
  size_t searched = 0;  // of what has not been given out
  for (;;) {
    const size_t end = buffer_.find('\n', begin_ + searched);
    const bool found = end != std::string::npos;
    searched = found ? end - begin_ : buffer_.size() - begin_;
    if (searched > kLineBytesMax) return take(kLineBytesMax, false, true);
    if (found) return take(searched, true, false);
    if (at_end_) {
      if (searched == 0) return std::nullopt;
      return take(searched, false, false);
    }
    if (absl::Status status = Fill(); !status.ok()) return status;
  }
}

}  // namespace gradloom
