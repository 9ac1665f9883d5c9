#include "coordinator/cli/fetched_files.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/number_format.h"

namespace gradloom {

bool IsSafeFileName(absl::string_view name) {
  if (name.empty() || name.size() > 1024) return false;
  for (const char c : name) {
    if (absl::ascii_iscntrl(c) || c == '\\') return false;
  }
  for (const absl::string_view component : absl::StrSplit(name, '/')) {
    if (component.empty() || component == "." || component == "..") return false;
  }
  return true;
}

FetchedFiles::~FetchedFiles() {
  if (name_.empty()) return;
  out_.close();
  std::error_code error;
  std::filesystem::remove(part_, error);
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
  out_.write(piece.content().data(), static_cast<std::streamsize>(piece.content().size()));
  if (!out_) return absl::UnavailableError(absl::StrCat("fetch: cannot write '", part_, "'"));
  return absl::OkStatus();
}

absl::Status FetchedFiles::Finish() { return Close(); }

absl::Status FetchedFiles::Open(const v1::FetchResponse& piece) {
  if (!IsSafeFileName(piece.file())) {
    return absl::InvalidArgumentError(absl::StrCat("fetch: the coordinator sent the file name '",
                                                   absl::CHexEscape(piece.file()),
                                                   "'; legal are relative names without '..'"));
  }
  const std::filesystem::path path = std::filesystem::path(folder_) / piece.file();
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  part_ = path.string() + ".part";
  out_.open(part_, std::ios::binary | std::ios::trunc);
  if (!out_) return absl::UnavailableError(absl::StrCat("fetch: cannot write '", part_, "'"));
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
  out_.close();
  if (!out_) return absl::UnavailableError(absl::StrCat("fetch: cannot write '", part_, "'"));
  std::error_code error;
  std::filesystem::rename(part_, std::filesystem::path(folder_) / name_, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("fetch: cannot move '", part_, "' to its place: ", error.message()));
  }
  files_.push_back(name_);
  name_.clear();
  return absl::OkStatus();
}

}  // namespace gradloom
