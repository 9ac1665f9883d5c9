#include "coordinator/service/folder_reader.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/number_format.h"

namespace gradloom {

absl::StatusOr<FolderReader> FolderReader::Open(std::string folder, FileSystem& files) {
  FolderReader reader(std::move(folder), files);
  if (absl::Status status = reader.List(""); !status.ok()) return status;
  std::sort(reader.names_.begin(), reader.names_.end());
  return reader;
}

FolderReader::FolderReader(FolderReader&& other) noexcept
    : folder_(std::move(other.folder_)),
      files_(other.files_),
      names_(std::move(other.names_)),
      next_(other.next_),
      file_(std::exchange(other.file_, -1)),
      size_(other.size_),
      sent_(other.sent_) {}

FolderReader::~FolderReader() { Close(); }

absl::Status FolderReader::List(const std::string& below) {
  absl::StatusOr<std::vector<FolderEntry>> entries =
      files_->List(absl::StrCat(folder_, "/", below));
  // A folder in it may go while we look.
  if (absl::IsNotFound(entries.status()) && !below.empty()) return absl::OkStatus();
  if (!entries.ok()) return entries.status();
  for (const FolderEntry& entry : *entries) {
    const std::string name = below + entry.name;
    if (entry.kind == FileKind::kFile && !absl::EndsWith(name, ".tmp")) names_.push_back(name);
    if (entry.kind != FileKind::kFolder) continue;
    if (absl::Status status = List(name + "/"); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FolderReader::OpenNext() {
  while (next_ < names_.size()) {
    ++next_;
    absl::StatusOr<int> file = files_->OpenToRead(path());
    if (absl::IsNotFound(file.status())) continue;
    if (!file.ok()) return file.status();
    file_ = *file;
    sent_ = 0;
    absl::StatusOr<uint64_t> size = files_->Size(file_, path());
    if (!size.ok()) return size.status();
    size_ = *size;
    return true;
  }
  return false;
}

absl::StatusOr<bool> FolderReader::Next(v1::FetchResponse* piece) {
  piece->Clear();
  if (file_ < 0) {
    absl::StatusOr<bool> opened = OpenNext();
    if (!opened.ok() || !*opened) return opened;
    piece->set_file(names_[next_ - 1]);
    piece->set_size(size_);
  }
  std::string& content = *piece->mutable_content();
  content.resize(static_cast<size_t>(std::min<uint64_t>(kPiece, size_ - sent_)));
  const absl::StatusOr<size_t> read = files_->ReadAt(
      file_, path(), sent_, std::as_writable_bytes(std::span(content.data(), content.size())));
  if (!read.ok()) return read.status();
  if (*read < content.size()) {
    return absl::AbortedError(absl::StrCat(names_[next_ - 1],
                                           " became shorter while it was read, as when a run is "
                                           "resumed; fetch again"));
  }
  piece->set_crc32c(Crc32c(content));
  sent_ += content.size();
  if (sent_ == size_) Close();
  return true;
}

void FolderReader::Close() {
  if (file_ >= 0) files_->Close(std::exchange(file_, -1), path()).IgnoreError();
}

}  // namespace gradloom
