#include "coordinator/cli/fetched_files.h"

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "coordinator/store/file_system.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/number_format.h"

namespace gradloom {

namespace {

absl::Status Named(const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("fetch: ", status.message()));
}

}  // namespace

FetchedFiles::~FetchedFiles() {
  if (name_.empty()) return;
  out_.reset();
  PosixFileSystem().RemoveAll(part_).IgnoreError();
}

absl::Status FetchedFiles::Accept(const v1::FetchResponse& piece) {
  if (!piece.file().empty()) {
    absl::Status status = Close();
    if (status.ok()) status = Open(piece);
    if (!status.ok()) return status;
  }
  if (piece.content().empty()) return absl::OkStatus();
  if (name_.empty()) return absl::InvalidArgumentError("fetch: content came before a file's name");
  if (Crc32c(piece.content()) != piece.crc32c()) {
    return absl::DataLossError(
        absl::StrCat("fetch: '", name_, "' was damaged on the way (CRC-32C differs)"));
  }
  if (piece.content().size() > left_) {
    return absl::DataLossError(
        absl::StrCat("fetch: '", name_, "' is longer than the announced size"));
  }
  left_ -= piece.content().size();
  return Named(out_->Append(piece.content()));
}

absl::Status FetchedFiles::Finish() { return Close(); }

absl::Status FetchedFiles::Open(const v1::FetchResponse& piece) {
  if (!IsSafeFileName(piece.file())) {
    return absl::InvalidArgumentError(absl::StrCat("fetch: the coordinator sent the file name '",
                                                   absl::CHexEscape(piece.file()),
                                                   "'; legal are relative names without '..'"));
  }
  FileSystem& files = PosixFileSystem();
  const std::string path = absl::StrCat(folder_, "/", piece.file());
  part_ = path + ".part";
  absl::Status status = EnsureFolder(files, FolderOf(path));
  // One may be left from a crash; a folder of that name is not ours.
  if (status.ok() && files.KindOf(part_).value_or(FileKind::kNone) == FileKind::kFile) {
    status = files.RemoveAll(part_);
  }
  if (!status.ok()) return Named(status);
  absl::StatusOr<FileWriter> out = FileWriter::Create(files, part_);
  if (!out.ok()) return Named(out.status());
  out_.emplace(*std::move(out));
  name_ = piece.file();
  left_ = piece.size();
  return absl::OkStatus();
}

absl::Status FetchedFiles::Close() {
  if (name_.empty()) return absl::OkStatus();
  if (left_ > 0) {
    return absl::DataLossError(
        absl::StrCat("fetch: '", name_, "' ended ", left_, " bytes before the announced size"));
  }
  absl::Status status = out_->FinishUnsynced();  // thousands of files, all to be had again
  if (status.ok() && claim_ != nullptr) status = claim_(name_, out_->bytes(), out_->crc32c());
  if (status.ok()) {
    status = PosixFileSystem().Rename(part_, absl::StrCat(folder_, "/", name_));
  }
  if (!status.ok()) return Named(status);
  out_.reset();
  files_.push_back(name_);
  name_.clear();
  return absl::OkStatus();
}

}  // namespace gradloom
