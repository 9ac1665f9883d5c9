#include "coordinator/store/run_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "coordinator/store/atomic_file.h"
#include "coordinator/store/json_file.h"

namespace gradloom {
namespace {

// A sweep of thousands of trials spelled out.
constexpr uint64_t kRecordBytesMax = uint64_t{1} << 28;

std::string RecordPath(const std::string& folder) { return absl::StrCat(folder, "/run.json"); }

// Ids of the run folders there are, ascending; damaged ones too, since their ids are taken.
absl::StatusOr<std::vector<uint64_t>> ListIds(FileSystem& files, const std::string& folder) {
  const absl::StatusOr<std::vector<FolderEntry>> entries = files.List(folder);
  if (!entries.ok()) return entries.status();
  std::vector<uint64_t> ids;
  for (const FolderEntry& entry : *entries) {
    uint64_t id = 0;
    if (absl::SimpleAtoi(entry.name, &id) && absl::StrCat(id) == entry.name) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

absl::StatusOr<v1::RunRecord> ReadRecord(FileSystem& files, const std::string& folder,
                                         uint64_t id) {
  const absl::StatusOr<std::string> json = ReadFile(RecordPath(folder), kRecordBytesMax, files);
  if (!json.ok()) return json.status();
  v1::RunRecord record;
  if (absl::Status status = FromJson(*json, &record); !status.ok()) return status;
  if (record.run() != id) {
    return absl::DataLossError(
        absl::StrCat("run is ", record.run(), "; legal: ", id, ", its folder's name"));
  }
  return record;
}

// What a crash inside Create leaves: a folder with nothing but perhaps a temporary record.
bool IsUnborn(FileSystem& files, const std::string& folder) {
  const absl::StatusOr<std::vector<FolderEntry>> entries = files.List(folder);
  return entries.ok() &&
         std::all_of(entries->begin(), entries->end(),
                     [](const FolderEntry& entry) { return entry.name == "run.json.tmp"; });
}

}  // namespace

absl::StatusOr<RunStore> RunStore::Open(const std::string& state_folder, FileSystem& files) {
  RunStore store(files, absl::StrCat(state_folder, "/runs"));
  if (absl::Status status = EnsureFolder(files, store.folder_); !status.ok()) return status;
  const absl::StatusOr<std::vector<uint64_t>> ids = ListIds(files, store.folder_);
  if (!ids.ok()) return ids.status();
  for (const uint64_t id : *ids) {
    if (IsUnborn(files, store.Folder(id))) {
      if (absl::Status status = files.RemoveAll(store.Folder(id)); !status.ok()) return status;
    }
    store.next_ = id + 1;
  }
  return store;
}

absl::StatusOr<uint64_t> RunStore::Create(v1::RunRecord record) {
  record.set_run(next_);
  const std::string folder = Folder(next_);
  if (absl::Status status = files_->CreateFolder(folder); !status.ok()) return status;
  ++next_;
  absl::Status status = files_->SyncFolder(folder_);
  if (status.ok()) status = Save(record);
  if (!status.ok()) {
    // A folder without a record would be reported as damaged for ever.
    files_->RemoveAll(folder).IgnoreError();
    return status;
  }
  return record.run();
}

absl::Status RunStore::Save(const v1::RunRecord& record) {
  return WriteFileAtomically(*files_, RecordPath(Folder(record.run())), ToJson(record));
}

absl::StatusOr<RunListing> RunStore::List() const {
  const absl::StatusOr<std::vector<uint64_t>> ids = ListIds(*files_, folder_);
  if (!ids.ok()) return ids.status();
  RunListing listing;
  for (const uint64_t id : *ids) {
    absl::StatusOr<v1::RunRecord> record = ReadRecord(*files_, Folder(id), id);
    if (record.ok()) {
      listing.runs.push_back(*std::move(record));
    } else {
      listing.skipped.push_back({id, absl::StrCat(RecordPath(Folder(id)),
                                                  " cannot be read: ", record.status().message())});
    }
  }
  return listing;
}

std::string RunStore::Folder(uint64_t run) const { return absl::StrCat(folder_, "/", run); }

}  // namespace gradloom
