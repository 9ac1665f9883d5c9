// A run's checkpoints. On disk:
//   <folder>/000000000007/manifest.json      v1::CheckpointManifest as JSON
//                         manifest.crc32c    CRC-32C of manifest.json, 8 hexadecimal digits
//                         trial-0.safetensors ...   one a trial, in the manifest's order
//   <folder>/tmp-...                         being written or removed; swept away by Save
// A checkpoint appears whole by the renaming of its folder, after everything in it has been synced,
// and older ones are removed only once that renaming is on the disk: whenever the machine stops,
// the newest checkpoint that was reported saved is there. One store per folder at a time; not
// thread-safe.
#ifndef GRADLOOM_COORDINATOR_STORE_CHECKPOINT_STORE_H_
#define GRADLOOM_COORDINATOR_STORE_CHECKPOINT_STORE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/file_system.h"
#include "coordinator/store/safetensors.h"
#include "gradloom/v1/checkpoint.pb.h"

namespace gradloom {

// meta's file, bytes and crc32c are filled in by the store; tensors are borrowed.
struct TrialSnapshot {
  v1::TrialCheckpoint meta;
  std::vector<TensorView> tensors;
};

struct SavedCheckpoint {
  uint64_t sequence = 0;
  uint64_t bytes = 0;
  // The checkpoint is safe even when older ones could not be removed.
  absl::Status cleanup;
};

// A checkpoint whose checksums were right when it was loaded. Values stay on disk until asked for.
class LoadedCheckpoint {
 public:
  const v1::CheckpointManifest& manifest() const { return manifest_; }
  uint64_t sequence() const { return sequence_; }
  // Newer checkpoints that were passed over, newest first, each with the reason.
  const std::vector<std::string>& skipped() const { return skipped_; }

  // Shapes of trial i of the manifest.
  absl::StatusOr<SafetensorsHeader> ReadHeader(int trial) const;
  // Fills the destinations, straight from the file, from trial i of the manifest. NotFound for a
  // tensor that is not there, InvalidArgument for one of another length.
  absl::Status ReadTensors(int trial, std::span<const TensorDestination> destinations) const;

 private:
  friend class CheckpointStore;

  FileSystem* files_ = nullptr;
  std::string folder_;
  uint64_t sequence_ = 0;
  v1::CheckpointManifest manifest_;
  std::vector<std::string> skipped_;
};

class CheckpointStore {
 public:
  // Creates the folder if needed, and touches nothing in it. keep >= 1: how many checkpoints to
  // hold on to. `files` must outlive the store.
  static absl::StatusOr<CheckpointStore> Open(const std::string& folder, int keep,
                                              FileSystem& files = PosixFileSystem());

  // Durable when it returns OK. On an error the older checkpoints are as they were, and the next
  // Save may be tried. manifest's format and trials are filled in here. `snapshot` is asked for one
  // trial after the other; what it lends is used until it is asked for the next. `commit` is called
  // when all but the renaming is done: what it fails with, Save does.
  absl::StatusOr<SavedCheckpoint> Save(
      v1::CheckpointManifest manifest, int trials,
      const std::function<absl::StatusOr<TrialSnapshot>(int trial)>& snapshot,
      const std::function<absl::Status()>& commit);

  // The newest checkpoint that is whole, every byte of it checked. NotFound when there is none at
  // all; DataLoss when there are, but all damaged; both say what was found.
  absl::StatusOr<LoadedCheckpoint> LoadNewest() const;

 private:
  CheckpointStore(FileSystem& files, std::string folder, int keep)
      : files_(&files), folder_(std::move(folder)), keep_(keep) {}

  absl::StatusOr<uint64_t> WriteFolder(
      const std::string& temporary, v1::CheckpointManifest& manifest, int trials,
      const std::function<absl::StatusOr<TrialSnapshot>(int trial)>& snapshot);
  absl::Status RemoveTemporary();
  absl::Status RemoveOld();

  FileSystem* files_;
  std::string folder_;
  int keep_;
  uint64_t next_ = 1;
};

// A manifest's two files -> the manifest. DataLoss says what is wrong. Pure, for fuzzing.
absl::StatusOr<v1::CheckpointManifest> ParseManifest(absl::string_view json,
                                                     absl::string_view checksum);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_CHECKPOINT_STORE_H_
