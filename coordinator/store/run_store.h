// The runs a coordinator knows, one folder each: <state>/runs/<id>/run.json (v1::RunRecord as
// JSON), beside the run's checkpoints and results. One store per state folder at a time; not
// thread-safe.
#ifndef GRADLOOM_COORDINATOR_STORE_RUN_STORE_H_
#define GRADLOOM_COORDINATOR_STORE_RUN_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/file_system.h"
#include "gradloom/v1/checkpoint.pb.h"

namespace gradloom {

struct RunListing {
  struct Skipped {
    uint64_t run = 0;
    std::string reason;  // names the file
  };
  std::vector<v1::RunRecord> runs;  // by id, ascending
  std::vector<Skipped> skipped;     // whose record cannot be read; likewise
};

class RunStore {
 public:
  // Creates the folder if needed and sweeps away runs whose creation a crash cut short. `files`
  // must outlive the store.
  static absl::StatusOr<RunStore> Open(const std::string& state_folder,
                                       FileSystem& files = PosixFileSystem());

  // Gives the record the next free id (from 1), creates its folder and saves it.
  absl::StatusOr<uint64_t> Create(v1::RunRecord record);
  // Replaces the record of record.run(), which Create has made. Durable when it returns OK.
  absl::Status Save(const v1::RunRecord& record);
  absl::StatusOr<RunListing> List() const;

  // <state>/runs/<id>
  std::string Folder(uint64_t run) const;

 private:
  RunStore(FileSystem& files, std::string folder) : files_(&files), folder_(std::move(folder)) {}

  FileSystem* files_;
  std::string folder_;
  uint64_t next_ = 1;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_RUN_STORE_H_
