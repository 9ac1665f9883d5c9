#include "coordinator/store/atomic_file.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/store/file_reader.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

// Small enough that the checksum leaves the piece in cache for the write.
constexpr size_t kPiece = size_t{1} << 20;

}  // namespace

absl::StatusOr<FileWriter> FileWriter::Create(FileSystem& files, const std::string& path) {
  absl::StatusOr<int> file = files.CreateFile(path);
  if (!file.ok()) return file.status();
  return FileWriter(files, path, *file);
}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : files_(other.files_),
      path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      bytes_(other.bytes_),
      crc32c_(other.crc32c_) {}

FileWriter::~FileWriter() {
  // Whoever did not finish has an error to report already.
  if (file_ >= 0) files_->Close(file_, path_).IgnoreError();
}

absl::Status FileWriter::Append(std::span<const std::byte> data) {
  while (!data.empty()) {
    const std::span<const std::byte> piece = data.first(std::min(kPiece, data.size()));
    crc32c_ = Crc32c({reinterpret_cast<const char*>(piece.data()), piece.size()}, crc32c_);
    if (absl::Status status = files_->Write(file_, path_, piece); !status.ok()) return status;
    bytes_ += piece.size();
    data = data.subspan(piece.size());
  }
  return absl::OkStatus();
}

absl::Status FileWriter::Append(absl::string_view text) {
  return Append(std::as_bytes(std::span(text.data(), text.size())));
}

absl::Status FileWriter::Finish() {
  absl::Status status = files_->Sync(file_, path_);
  status.Update(FinishUnsynced());
  return status;
}

absl::Status FileWriter::FinishUnsynced() { return files_->Close(std::exchange(file_, -1), path_); }

absl::Status WriteFileAtomically(FileSystem& files, const std::string& path,
                                 absl::string_view contents) {
  return WriteFileAtomically(files, path,
                             [&](FileWriter& writer) { return writer.Append(contents); });
}

absl::Status WriteFileAtomically(FileSystem& files, const std::string& path,
                                 const std::function<absl::Status(FileWriter&)>& fill) {
  const std::string temporary = path + ".tmp";
  // One may be left from a crash.
  if (absl::Status status = files.RemoveAll(temporary); !status.ok()) return status;
  const auto write = [&]() -> absl::Status {
    absl::StatusOr<FileWriter> writer = FileWriter::Create(files, temporary);
    if (!writer.ok()) return writer.status();
    if (absl::Status status = fill(*writer); !status.ok()) return status;
    if (absl::Status status = writer->Finish(); !status.ok()) return status;
    return files.Rename(temporary, path);
  };
  if (absl::Status status = write(); !status.ok()) {
    files.RemoveAll(temporary).IgnoreError();
    return status;
  }
  return files.SyncFolder(FolderOf(path));
}

absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t limit, FileSystem& files) {
  const absl::StatusOr<FileReader> reader = FileReader::Open(files, path);
  if (!reader.ok()) return reader.status();
  if (reader->size() > limit) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " has ", reader->size(), " bytes; legal: at most ", limit));
  }
  std::string contents(reader->size(), '\0');
  const absl::StatusOr<size_t> count =
      reader->ReadSome(0, std::as_writable_bytes(std::span(contents.data(), contents.size())));
  if (!count.ok()) return count.status();
  contents.resize(*count);
  return contents;
}

absl::StatusOr<uint32_t> FileCrc32c(const std::string& path, uint64_t* bytes, FileSystem& files) {
  const absl::StatusOr<FileReader> reader = FileReader::Open(files, path);
  if (!reader.ok()) return reader.status();
  std::vector<char> piece(kPiece);
  uint32_t crc = 0;
  *bytes = 0;
  for (;;) {
    const absl::StatusOr<size_t> count =
        reader->ReadSome(*bytes, std::as_writable_bytes(std::span(piece)));
    if (!count.ok()) return count.status();
    if (*count == 0) return crc;
    crc = Crc32c({piece.data(), *count}, crc);
    *bytes += *count;
  }
}

}  // namespace gradloom
