#include "coordinator/store/file_list.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "coordinator/store/append_file.h"
#include "coordinator/store/atomic_file.h"

namespace gradloom {
namespace {

// A hundred bytes for each of several hundred thousand files.
constexpr uint64_t kListBytesMax = uint64_t{1} << 26;
constexpr absl::string_view kFolderMark = "folder";

}  // namespace

bool IsSafeFileName(absl::string_view name) {
  if (name.empty() || name.size() > 1024) return false;
  for (const char c : name) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) || c == '\\') return false;
  }
  for (const absl::string_view component : absl::StrSplit(name, '/')) {
    if (component.empty() || component == "." || component == "..") return false;
  }
  return true;
}

std::string FileList::LineOf(const std::string& name, const Entry& entry) {
  return entry.folder ? absl::StrCat(kFolderMark, " 0 ", name, "\n")
                      : absl::StrFormat("%08x %d %s\n", entry.crc32c, entry.bytes, name);
}

absl::StatusOr<FileList> FileList::Open(std::string folder, FileSystem& files) {
  FileList list(std::move(folder), files);
  const absl::StatusOr<std::string> text =
      ReadFile(absl::StrCat(list.folder_, "/", kFile), kListBytesMax, files);
  if (absl::IsNotFound(text.status())) return list;
  if (!text.ok()) return text.status();
  for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(' ', 2));
    Entry entry;
    if (parts.size() != 3 || !IsSafeFileName(parts[2]) ||
        !absl::SimpleAtoi(parts[1], &entry.bytes)) {
      continue;
    }
    entry.folder = parts[0] == kFolderMark;
    if (!entry.folder && !absl::SimpleHexAtoi(parts[0], &entry.crc32c)) continue;
    list.earlier_[parts[2]] = entry;
  }
  return list;
}

absl::Status FileList::Append(const std::string& name, const Entry& entry) {
  if (!IsSafeFileName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("file name '", name, "'; legal are relative names without '..'"));
  }
  const std::string path = absl::StrCat(folder_, "/", kFile);
  absl::StatusOr<std::shared_ptr<AppendFile>> file = AppendFile::Open(*files_, path);
  if (absl::IsNotFound(file.status())) file = AppendFile::Create(*files_, path);
  if (!file.ok()) return file.status();
  if (absl::Status status = (*file)->Append(LineOf(name, entry)); !status.ok()) return status;
  ours_[name] = entry;
  return absl::OkStatus();
}

absl::Status FileList::Add(const std::string& name, uint64_t bytes, uint32_t crc32c) {
  return Append(name, {false, bytes, crc32c});
}

absl::Status FileList::AddFolder(const std::string& name) { return Append(name, {true, 0, 0}); }

absl::Status FileList::RemoveFile(const std::string& name, const Entry& entry) {
  const std::string path = absl::StrCat(folder_, "/", name);
  uint64_t bytes = 0;
  const absl::StatusOr<uint32_t> crc32c = FileCrc32c(path, &bytes, *files_);
  // Gone, or no file any more: not what we have written.
  if (!crc32c.ok() || *crc32c != entry.crc32c || bytes != entry.bytes) return absl::OkStatus();
  if (absl::Status status = files_->RemoveAll(path); !status.ok()) return status;
  for (std::string parent = FolderOf(name); parent != "."; parent = FolderOf(parent)) {
    const std::string folder = absl::StrCat(folder_, "/", parent);
    const absl::StatusOr<std::vector<FolderEntry>> left = files_->List(folder);
    if (!left.ok() || !left->empty()) break;
    if (absl::Status status = files_->RemoveAll(folder); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool FileList::HasFolder(const std::string& name) const {
  const auto is_folder = [&name](const std::map<std::string, Entry>& entries) {
    const auto found = entries.find(name);
    return found != entries.end() && found->second.folder;
  };
  return is_folder(ours_) || is_folder(earlier_);
}

absl::Status FileList::RemoveFolder(const std::string& name) {
  if (!HasFolder(name)) return absl::OkStatus();
  if (absl::Status status = files_->RemoveAll(absl::StrCat(folder_, "/", name)); !status.ok()) {
    return status;
  }
  earlier_.erase(name);
  ours_.erase(name);
  return Rewrite();
}

absl::Status FileList::RemoveEarlier() {
  for (const auto& [name, entry] : earlier_) {
    if (entry.folder || ours_.contains(name)) continue;
    if (absl::Status status = RemoveFile(name, entry); !status.ok()) return status;
  }
  earlier_.clear();
  return Rewrite();
}

absl::Status FileList::Rewrite() {
  std::map<std::string, Entry> entries = ours_;
  entries.insert(earlier_.begin(), earlier_.end());
  std::string text;
  for (const auto& [name, entry] : entries) text += LineOf(name, entry);
  return WriteFileAtomically(*files_, absl::StrCat(folder_, "/", kFile), text);
}

}  // namespace gradloom
