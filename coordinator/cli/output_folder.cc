#include "coordinator/cli/output_folder.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "coordinator/store/atomic_file.h"
#include "coordinator/store/file_name.h"
#include "coordinator/store/file_system.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

constexpr char kState[] = "state";

bool Exists(const std::string& path) {
  const absl::StatusOr<FileKind> kind = PosixFileSystem().KindOf(path);
  return !kind.ok() || *kind != FileKind::kNone;
}

std::string NewPath(const std::string& run_name, absl::Time now) {
  const std::string base =
      absl::StrCat("out/", ReadableFileName(run_name), "-",
                   absl::FormatTime("%Y%m%d-%H%M%S", now, absl::LocalTimeZone()));
  std::string path = base;
  for (int number = 2; Exists(path); ++number) path = absl::StrCat(base, "-", number);
  return path;
}

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

// As OutputFolder::log names them.
bool IsLogFile(absl::string_view name) {
  return name == "coordinator.log" || (absl::ConsumePrefix(&name, "worker-") &&
                                       absl::ConsumeSuffix(&name, ".log") && IsNumber(name));
}

absl::Status Named(const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("--output: ", status.message()));
}

// Removes the entries of the folder that `ours` tells, then the folder if nothing is left.
template <typename Ours>
absl::Status RemoveFrom(const std::string& folder, Ours ours) {
  FileSystem& files = PosixFileSystem();
  const absl::StatusOr<std::vector<FolderEntry>> entries = files.List(folder);
  if (absl::IsNotFound(entries.status())) return absl::OkStatus();
  if (!entries.ok()) return entries.status();
  size_t left = entries->size();
  for (const FolderEntry& entry : *entries) {
    if (!ours(entry)) continue;
    absl::Status status = files.RemoveAll(absl::StrCat(folder, "/", entry.name));
    if (!status.ok()) return status;
    --left;
  }
  return left == 0 ? files.RemoveAll(folder) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<OutputFolder>> OutputFolder::Open(const std::string& path,
                                                                 const std::string& run_name,
                                                                 absl::Time now, bool fresh) {
  const std::string root = path.empty() ? NewPath(run_name, now) : path;
  absl::StatusOr<FolderLock> lock = FolderLock::Take(root);
  if (!lock.ok()) return Named(lock.status());
  absl::StatusOr<FileList> list = FileList::Open(root);
  if (!list.ok()) return Named(list.status());
  std::unique_ptr<OutputFolder> folder(new OutputFolder(root, *std::move(lock), *std::move(list)));
  absl::Status status;
  if (fresh) {
    status = folder->RemoveState();
    if (status.ok()) status = folder->RemoveEarlierFiles();
    if (status.ok())
      status = RemoveFrom(root + "/logs", [](const FolderEntry& entry) {
        return entry.kind == FileKind::kFile && IsLogFile(entry.name);
      });
  }
  if (status.ok()) status = folder->MakeState();
  if (status.ok()) status = EnsureFolder(PosixFileSystem(), root + "/logs");
  if (!status.ok()) return Named(status);
  return folder;
}

absl::Status OutputFolder::MakeState() {
  // One that was there before us is not ours.
  if (!Exists(state()) || list_.HasFolder(kState)) {
    if (absl::Status status = list_.AddFolder(kState); !status.ok()) return status;
  }
  return EnsureFolder(PosixFileSystem(), state());
}

std::string OutputFolder::log(absl::string_view program) const {
  return absl::StrCat(path_, "/logs/", program, ".log");
}

absl::Status OutputFolder::Write(const std::string& name, absl::string_view content) {
  if (absl::Status status = Claim(name, content.size(), Crc32c(content)); !status.ok()) {
    return status;
  }
  return WriteFileAtomically(PosixFileSystem(), absl::StrCat(path_, "/", name), content);
}

absl::Status OutputFolder::RemoveState() {
  const bool ours = list_.HasFolder(kState);
  if (!Exists(ours ? state() : state() + "/runs")) return absl::OkStatus();
  const absl::StatusOr<FolderLock> lock = FolderLock::Take(state());
  if (!lock.ok()) return lock.status();
  if (ours) return list_.RemoveFolder(kState);
  // Before there was a list: what a coordinator makes there.
  absl::Status status = RemoveFrom(state() + "/runs", [](const FolderEntry& entry) {
    return entry.kind == FileKind::kFolder && IsNumber(entry.name);
  });
  if (!status.ok()) return status;
  return RemoveFrom(state(),
                    [](const FolderEntry& entry) { return entry.name == FolderLock::kFile; });
}

}  // namespace gradloom
