#include "coordinator/store/checkpoint_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "coordinator/store/atomic_file.h"
#include "coordinator/store/json_file.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

constexpr uint32_t kFormat = 1;
constexpr char kManifest[] = "manifest.json";
constexpr char kChecksum[] = "manifest.crc32c";
constexpr char kTemporary[] = "tmp-";
// Ten thousand trials need about 3 MB.
constexpr uint64_t kManifestBytesMax = uint64_t{1} << 28;
constexpr size_t kDigits = 12;

std::string SequenceName(uint64_t sequence) { return absl::StrFormat("%012u", sequence); }

std::optional<uint64_t> ParseSequence(absl::string_view name) {
  uint64_t sequence = 0;
  const bool digits =
      std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (name.size() < kDigits || !digits || !absl::SimpleAtoi(name, &sequence)) return std::nullopt;
  return sequence;
}

struct Listing {
  std::vector<uint64_t> sequences;  // newest first
  std::vector<std::string> temporary;
};

absl::StatusOr<Listing> ListFolder(FileSystem& files, const std::string& folder) {
  const absl::StatusOr<std::vector<FolderEntry>> entries = files.List(folder);
  if (!entries.ok()) return entries.status();
  Listing listing;
  for (const FolderEntry& entry : *entries) {
    if (absl::StartsWith(entry.name, kTemporary)) listing.temporary.push_back(entry.name);
    if (const std::optional<uint64_t> sequence = ParseSequence(entry.name)) {
      listing.sequences.push_back(*sequence);
    }
  }
  std::sort(listing.sequences.rbegin(), listing.sequences.rend());
  return listing;
}

absl::Status CheckTrialFile(FileSystem& files, const std::string& folder,
                            const v1::TrialCheckpoint& trial) {
  const std::string path = absl::StrCat(folder, "/", trial.file());
  uint64_t bytes = 0;
  const absl::StatusOr<uint32_t> crc = FileCrc32c(path, &bytes, files);
  if (!crc.ok()) return crc.status();
  if (bytes != trial.bytes()) {
    return absl::DataLossError(
        absl::StrCat(trial.file(), " has ", bytes, " bytes; the manifest says ", trial.bytes()));
  }
  if (*crc != trial.crc32c()) {
    return absl::DataLossError(absl::StrFormat("%s has CRC-32C %08x; the manifest says %08x",
                                               trial.file(), *crc, trial.crc32c()));
  }
  return SafetensorsReader::Open(path, files).status();
}

absl::StatusOr<v1::CheckpointManifest> LoadChecked(FileSystem& files, const std::string& folder) {
  const absl::StatusOr<std::string> json =
      ReadFile(absl::StrCat(folder, "/", kManifest), kManifestBytesMax, files);
  if (!json.ok()) return json.status();
  const absl::StatusOr<std::string> checksum =
      ReadFile(absl::StrCat(folder, "/", kChecksum), 64, files);
  if (!checksum.ok()) return checksum.status();
  absl::StatusOr<v1::CheckpointManifest> manifest = ParseManifest(*json, *checksum);
  if (!manifest.ok()) return manifest.status();
  for (const v1::TrialCheckpoint& trial : manifest->trials()) {
    if (absl::Status status = CheckTrialFile(files, folder, trial); !status.ok()) return status;
  }
  return manifest;
}

}  // namespace

absl::StatusOr<v1::CheckpointManifest> ParseManifest(absl::string_view json,
                                                     absl::string_view checksum) {
  const std::string actual = absl::StrFormat("%08x", Crc32c(json));
  if (absl::StripTrailingAsciiWhitespace(checksum) != actual) {
    return absl::DataLossError(
        absl::StrCat(kManifest, " has CRC-32C ", actual, "; ", kChecksum, " says otherwise"));
  }
  v1::CheckpointManifest manifest;
  if (absl::Status status = FromJson(json, &manifest); !status.ok()) return status;
  if (manifest.format() != kFormat) {
    return absl::DataLossError(
        absl::StrCat(kManifest, " has format ", manifest.format(), "; legal: ", kFormat));
  }
  for (const v1::TrialCheckpoint& trial : manifest.trials()) {
    // A manifest never reaches outside its own folder.
    if (trial.file().empty() || absl::StrContains(trial.file(), '/') ||
        absl::StartsWith(trial.file(), ".")) {
      return absl::DataLossError(absl::StrCat(kManifest, " has trial file '", trial.file(),
                                              "'; legal: a file name in the same folder"));
    }
  }
  return manifest;
}

absl::StatusOr<SafetensorsHeader> LoadedCheckpoint::ReadHeader(int trial) const {
  absl::StatusOr<SafetensorsReader> reader =
      SafetensorsReader::Open(absl::StrCat(folder_, "/", manifest_.trials(trial).file()), *files_);
  if (!reader.ok()) return reader.status();
  return reader->header();
}

absl::Status LoadedCheckpoint::ReadTensors(int trial,
                                           std::span<const TensorDestination> destinations) const {
  const absl::StatusOr<SafetensorsReader> reader =
      SafetensorsReader::Open(absl::StrCat(folder_, "/", manifest_.trials(trial).file()), *files_);
  if (!reader.ok()) return reader.status();
  for (const TensorDestination& destination : destinations) {
    absl::Status status = destination.doubles.empty()
                              ? reader->Read(destination.name, destination.values)
                              : reader->Read(destination.name, destination.doubles);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<CheckpointStore> CheckpointStore::Open(const std::string& folder, int keep,
                                                      FileSystem& files) {
  if (keep < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("checkpoint.keep is ", keep, "; legal: at least 1"));
  }
  if (absl::Status status = EnsureFolder(files, folder); !status.ok()) return status;
  const absl::StatusOr<Listing> listing = ListFolder(files, folder);
  if (!listing.ok()) return listing.status();
  CheckpointStore store(files, folder, keep);
  if (!listing->sequences.empty()) store.next_ = listing->sequences.front() + 1;
  return store;
}

absl::StatusOr<uint64_t> CheckpointStore::WriteFolder(
    const std::string& temporary, v1::CheckpointManifest& manifest, int trials,
    const std::function<absl::StatusOr<TrialSnapshot>(int trial)>& snapshot) {
  if (absl::Status status = files_->CreateFolder(temporary); !status.ok()) return status;
  uint64_t bytes = 0;
  const auto write_file = [&](const std::string& name, const auto& fill) -> absl::Status {
    absl::StatusOr<FileWriter> writer =
        FileWriter::Create(*files_, absl::StrCat(temporary, "/", name));
    if (!writer.ok()) return writer.status();
    if (absl::Status status = fill(*writer); !status.ok()) return status;
    bytes += writer->bytes();
    return writer->Finish();
  };
  manifest.set_format(kFormat);
  manifest.clear_trials();
  for (int i = 0; i < trials; ++i) {
    const absl::StatusOr<TrialSnapshot> taken = snapshot(i);
    if (!taken.ok()) return taken.status();
    v1::TrialCheckpoint& trial = *manifest.add_trials();
    trial = taken->meta;
    trial.set_file(absl::StrCat("trial-", i, ".safetensors"));
    absl::Status status = write_file(trial.file(), [&](FileWriter& writer) {
      absl::Status written = WriteSafetensors(
          taken->tensors, {{"jobs_done", absl::StrCat(trial.jobs_done())}}, writer);
      trial.set_bytes(writer.bytes());
      trial.set_crc32c(writer.crc32c());
      return written;
    });
    if (!status.ok()) return status;
  }
  const std::string json = ToJson(manifest);
  absl::Status status =
      write_file(kManifest, [&](FileWriter& writer) { return writer.Append(json); });
  if (!status.ok()) return status;
  status = write_file(kChecksum, [&](FileWriter& writer) {
    return writer.Append(absl::StrFormat("%08x\n", Crc32c(json)));
  });
  if (!status.ok()) return status;
  if (status = files_->SyncFolder(temporary); !status.ok()) return status;
  return bytes;
}

absl::StatusOr<SavedCheckpoint> CheckpointStore::Save(
    v1::CheckpointManifest manifest, int trials,
    const std::function<absl::StatusOr<TrialSnapshot>(int trial)>& snapshot,
    const std::function<absl::Status()>& commit) {
  if (absl::Status status = RemoveTemporary(); !status.ok()) return status;
  SavedCheckpoint saved;
  saved.sequence = next_;
  const std::string name = SequenceName(saved.sequence);
  const std::string temporary = absl::StrCat(folder_, "/", kTemporary, name);
  const absl::StatusOr<uint64_t> bytes = WriteFolder(temporary, manifest, trials, snapshot);
  absl::Status status = bytes.status();
  if (status.ok()) status = commit();
  if (status.ok()) status = files_->Rename(temporary, absl::StrCat(folder_, "/", name));
  if (!status.ok()) {
    files_->RemoveAll(temporary).IgnoreError();
    return status;
  }
  saved.bytes = *bytes;
  // The name is taken from here on, whether or not it is durable.
  ++next_;
  if (status = files_->SyncFolder(folder_); !status.ok()) return status;
  saved.cleanup = RemoveOld();
  return saved;
}

// What a crash, or a Save that failed, left: it makes room for the next one, not before, since a
// run that cannot be restored keeps all it has.
absl::Status CheckpointStore::RemoveTemporary() {
  const absl::StatusOr<Listing> listing = ListFolder(*files_, folder_);
  if (!listing.ok()) return listing.status();
  for (const std::string& name : listing->temporary) {
    if (absl::Status status = files_->RemoveAll(absl::StrCat(folder_, "/", name)); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status CheckpointStore::RemoveOld() {
  const absl::StatusOr<Listing> listing = ListFolder(*files_, folder_);
  if (!listing.ok()) return listing.status();
  absl::Status result;
  for (size_t i = static_cast<size_t>(keep_); i < listing->sequences.size(); ++i) {
    // Renamed first: a half-removed checkpoint must not look like a damaged one.
    const std::string name = SequenceName(listing->sequences[i]);
    const std::string doomed = absl::StrCat(folder_, "/", kTemporary, "old-", name);
    absl::Status status = files_->Rename(absl::StrCat(folder_, "/", name), doomed);
    if (status.ok()) status = files_->RemoveAll(doomed);
    result.Update(status);
  }
  return result;
}

absl::StatusOr<LoadedCheckpoint> CheckpointStore::LoadNewest() const {
  const absl::StatusOr<Listing> listing = ListFolder(*files_, folder_);
  if (!listing.ok()) return listing.status();
  LoadedCheckpoint loaded;
  loaded.files_ = files_;
  for (const uint64_t sequence : listing->sequences) {
    const std::string folder = absl::StrCat(folder_, "/", SequenceName(sequence));
    absl::StatusOr<v1::CheckpointManifest> manifest = LoadChecked(*files_, folder);
    if (!manifest.ok()) {
      loaded.skipped_.push_back(
          absl::StrCat("checkpoint ", sequence, " is damaged: ", manifest.status().message()));
      continue;
    }
    loaded.folder_ = folder;
    loaded.sequence_ = sequence;
    loaded.manifest_ = *std::move(manifest);
    return loaded;
  }
  if (listing->sequences.empty()) {
    return absl::NotFoundError(absl::StrCat("no checkpoint in ", folder_));
  }
  return absl::DataLossError(
      absl::StrCat("no whole checkpoint in ", folder_, ": ", absl::StrJoin(loaded.skipped_, "; ")));
}

}  // namespace gradloom
