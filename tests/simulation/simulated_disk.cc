#include "tests/simulation/simulated_disk.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace gradloom {

SimulatedDisk::SimulatedDisk() : root_(std::make_shared<Node>()) { root_->folder = true; }

void SimulatedDisk::Restore(Node& node) {
  node.contents = node.synced;
  node.entries = node.durable;
  for (auto& [name, entry] : node.entries) Restore(*entry);
}

void SimulatedDisk::Crash() {
  open_.clear();
  locked_.clear();
  left_ = std::numeric_limits<int64_t>::max();
  refuse_ = false;
  Restore(*root_);
}

SimulatedDisk::Place SimulatedDisk::Find(const std::string& path) const {
  Place place{nullptr, root_, ""};
  for (const absl::string_view name : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (name == ".") continue;
    place.parent = place.node != nullptr && place.node->folder ? place.node : nullptr;
    place.name = std::string(name);
    place.node = nullptr;
    if (place.parent == nullptr) continue;
    const auto found = place.parent->entries.find(place.name);
    if (found != place.parent->entries.end()) place.node = found->second;
  }
  return place;
}

absl::Status SimulatedDisk::Admit(const char* what, const std::string& path) {
  if (left_-- > 0 && !std::exchange(refuse_, false)) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("cannot ", what, " ", path, ": no space left on device"));
}

int SimulatedDisk::Open(std::shared_ptr<Node> node) {
  open_[next_] = std::move(node);
  return next_++;
}

absl::StatusOr<int> SimulatedDisk::CreateFile(const std::string& path) {
  if (absl::Status status = Admit("create", path); !status.ok()) return status;
  const Place place = Find(path);
  if (place.node != nullptr) return absl::AlreadyExistsError(path);
  if (place.parent == nullptr) return absl::NotFoundError(path);
  return Open(place.parent->entries[place.name] = std::make_shared<Node>());
}

absl::StatusOr<int> SimulatedDisk::OpenToAppend(const std::string& path) {
  return OpenToRead(path);
}

absl::Status SimulatedDisk::Write(int file, const std::string& path,
                                  std::span<const std::byte> data) {
  std::string& contents = open_.at(file)->contents;
  const std::string text(reinterpret_cast<const char*>(data.data()), data.size());
  const bool dying = left_ == 0;
  if (absl::Status status = Admit("write", path); !status.ok()) {
    if (dying) contents += text.substr(0, text.size() / 2);
    return status;
  }
  contents += text;
  return absl::OkStatus();
}

absl::Status SimulatedDisk::Sync(int file, const std::string& path) {
  if (absl::Status status = Admit("sync", path); !status.ok()) return status;
  Node& node = *open_.at(file);
  if (!lies_) node.synced = node.contents;
  return absl::OkStatus();
}

absl::Status SimulatedDisk::Close(int file, const std::string&) {
  open_.erase(file);
  locked_.erase(file);
  return absl::OkStatus();
}

absl::Status SimulatedDisk::SyncFolder(const std::string& path) {
  if (absl::Status status = Admit("sync", path); !status.ok()) return status;
  const Place place = Find(path);
  if (place.node == nullptr) return absl::NotFoundError(path);
  if (!lies_) place.node->durable = place.node->entries;
  return absl::OkStatus();
}

absl::Status SimulatedDisk::CreateFolder(const std::string& path) {
  if (absl::Status status = Admit("create", path); !status.ok()) return status;
  const Place place = Find(path);
  if (place.node != nullptr) return absl::AlreadyExistsError(path);
  if (place.parent == nullptr) return absl::NotFoundError(path);
  place.parent->entries[place.name] = std::make_shared<Node>(Node{.folder = true});
  return absl::OkStatus();
}

absl::Status SimulatedDisk::Rename(const std::string& from, const std::string& to) {
  if (absl::Status status = Admit("rename", from); !status.ok()) return status;
  const Place source = Find(from);
  if (source.node == nullptr) return absl::NotFoundError(from);
  const Place target = Find(to);
  if (target.parent == nullptr) return absl::NotFoundError(to);
  source.parent->entries.erase(source.name);
  target.parent->entries[target.name] = source.node;
  return absl::OkStatus();
}

absl::Status SimulatedDisk::RemoveAll(const std::string& path) {
  if (absl::Status status = Admit("remove", path); !status.ok()) return status;
  const Place place = Find(path);
  if (place.node != nullptr && place.parent != nullptr) place.parent->entries.erase(place.name);
  return absl::OkStatus();
}

absl::StatusOr<int> SimulatedDisk::OpenToRead(const std::string& path) {
  const Place place = Find(path);
  if (place.node == nullptr) return absl::NotFoundError(absl::StrCat("no file ", path));
  if (place.node->folder) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is a folder; legal: a regular file"));
  }
  return Open(place.node);
}

absl::StatusOr<uint64_t> SimulatedDisk::Size(int file, const std::string&) {
  return open_.at(file)->contents.size();
}

absl::StatusOr<size_t> SimulatedDisk::ReadAt(int file, const std::string&, uint64_t offset,
                                             std::span<std::byte> out) {
  const std::string& contents = open_.at(file)->contents;
  if (offset >= contents.size()) return size_t{0};
  const size_t count = std::min<size_t>(out.size(), contents.size() - offset);
  std::memcpy(out.data(), contents.data() + offset, count);
  return count;
}

absl::StatusOr<FileKind> SimulatedDisk::KindOf(const std::string& path) {
  const Place place = Find(path);
  if (place.node == nullptr) return FileKind::kNone;
  return place.node->folder ? FileKind::kFolder : FileKind::kFile;
}

absl::StatusOr<std::vector<FolderEntry>> SimulatedDisk::List(const std::string& path) {
  const Place place = Find(path);
  if (place.node == nullptr || !place.node->folder) return absl::NotFoundError(path);
  std::vector<FolderEntry> entries;
  for (const auto& [name, node] : place.node->entries) {
    entries.push_back({name, node->folder ? FileKind::kFolder : FileKind::kFile});
  }
  return entries;
}

absl::StatusOr<int> SimulatedDisk::Lock(const std::string& path) {
  for (const auto& [file, locked] : locked_) {
    if (locked == path) return absl::FailedPreconditionError(path + " is held by this process");
  }
  if (Find(path).node == nullptr) {
    absl::StatusOr<int> file = CreateFile(path);
    if (!file.ok()) return file;
    locked_[*file] = path;
    return file;
  }
  const absl::StatusOr<int> file = OpenToRead(path);
  if (file.ok()) locked_[*file] = path;
  return file;
}

}  // namespace gradloom
