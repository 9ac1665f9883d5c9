#include "coordinator/store/append_file.h"

#include <span>

namespace gradloom {

absl::StatusOr<std::shared_ptr<AppendFile>> AppendFile::Open(FileSystem& files,
                                                             const std::string& path) {
  const absl::StatusOr<int> file = files.OpenToAppend(path);
  if (!file.ok()) return file.status();
  return std::shared_ptr<AppendFile>(new AppendFile(files, path, *file));
}

absl::StatusOr<std::shared_ptr<AppendFile>> AppendFile::Create(FileSystem& files,
                                                               const std::string& path) {
  const absl::StatusOr<int> file = files.CreateFile(path);
  if (!file.ok()) return file.status();
  return std::shared_ptr<AppendFile>(new AppendFile(files, path, *file));
}

AppendFile::~AppendFile() { files_->Close(file_, path_).IgnoreError(); }

absl::Status AppendFile::Append(absl::string_view text) {
  return files_->Write(file_, path_, std::as_bytes(std::span(text.data(), text.size())));
}

absl::Status AppendFile::Sync() { return files_->Sync(file_, path_); }

void AppendFiles::MakeRoom() {
  while (open_.size() >= open_max_) {
    by_path_.erase(open_.back()->path());
    open_.pop_back();
  }
}

void AppendFiles::Add(std::shared_ptr<AppendFile> file) {
  // One of that name may have been removed from its folder, and be open still.
  if (const auto found = by_path_.find(file->path()); found != by_path_.end()) {
    open_.erase(found->second);
  }
  open_.push_front(std::move(file));
  by_path_[open_.front()->path()] = open_.begin();
}

absl::Status AppendFiles::Create(const std::string& path) {
  MakeRoom();
  absl::StatusOr<std::shared_ptr<AppendFile>> file = AppendFile::Create(*files_, path);
  if (!file.ok()) return file.status();
  Add(*std::move(file));
  return absl::OkStatus();
}

absl::Status AppendFiles::Append(const std::string& path, absl::string_view text) {
  if (const auto found = by_path_.find(path); found != by_path_.end()) {
    open_.splice(open_.begin(), open_, found->second);
  } else {
    MakeRoom();
    absl::StatusOr<std::shared_ptr<AppendFile>> file = AppendFile::Open(*files_, path);
    if (!file.ok()) return file.status();
    Add(*std::move(file));
  }
  return open_.front()->Append(text);
}

}  // namespace gradloom
