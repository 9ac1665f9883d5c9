#include "coordinator/cli/output_folder.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

std::string NewPath(const std::string& run_name, absl::Time now) {
  const std::string base = absl::StrCat(
      "out/", run_name, "-", absl::FormatTime("%Y%m%d-%H%M%S", now, absl::LocalTimeZone()));
  std::string path = base;
  std::error_code error;
  for (int number = 2; std::filesystem::exists(path, error); ++number) {
    path = absl::StrCat(base, "-", number);
  }
  return path;
}

}  // namespace

absl::StatusOr<std::unique_ptr<OutputFolder>> OutputFolder::Open(const std::string& path,
                                                                 const std::string& run_name,
                                                                 absl::Time now, bool fresh) {
  std::unique_ptr<OutputFolder> folder(
      new OutputFolder(path.empty() ? NewPath(run_name, now) : path));
  const std::string& root = folder->path_;
  std::error_code error;
  std::filesystem::create_directories(root + "/logs", error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("--output: cannot make '", root, "': ", error.message()));
  }
  absl::StatusOr<FolderLock> lock = FolderLock::Take(root);
  if (!lock.ok()) {
    return absl::Status(lock.status().code(), absl::StrCat("--output: ", lock.status().message()));
  }
  folder->lock_.emplace(*std::move(lock));
  if (fresh) folder->RemoveState();
  std::filesystem::create_directories(folder->state(), error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("--output: cannot make '", folder->state(), "': ", error.message()));
  }
  return folder;
}

std::string OutputFolder::log(absl::string_view program) const {
  return absl::StrCat(path_, "/logs/", program, ".log");
}

absl::Status OutputFolder::Write(const std::string& name, absl::string_view content) const {
  const std::string path = absl::StrCat(path_, "/", name);
  const std::string part = path + ".part";
  std::ofstream out(part, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(part, path, error);
  if (!out || error) return absl::UnavailableError(absl::StrCat("cannot write '", path, "'"));
  return absl::OkStatus();
}

void OutputFolder::RemoveState() const {
  std::error_code error;
  std::filesystem::remove_all(state(), error);
}

}  // namespace gradloom
