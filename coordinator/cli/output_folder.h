// The folder of a local run: out/<name>-<time> by default. Holds what the run leaves behind, the
// coordinator's state (from which it can be continued) and the programs' logs; locked while in use.
// It may hold files of the user's own, which are never touched: ours are listed (FileList), and the
// logs have names of their own.
#ifndef GRADLOOM_COORDINATOR_CLI_OUTPUT_FOLDER_H_
#define GRADLOOM_COORDINATOR_CLI_OUTPUT_FOLDER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "coordinator/store/file_list.h"
#include "coordinator/store/folder_lock.h"

namespace gradloom {

class OutputFolder {
 public:
  // Makes the folder (and logs/, state/ below it) and locks it. `path` "": ./out/<name>-<time>,
  // numbered when that is taken. `fresh` removes all that earlier runs have left.
  // FailedPrecondition when another process uses it.
  static absl::StatusOr<std::unique_ptr<OutputFolder>> Open(const std::string& path,
                                                            const std::string& run_name,
                                                            absl::Time now, bool fresh);
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string state() const { return path_ + "/state"; }
  std::string log(absl::string_view program) const;

  // Says that a file of that name, of these bytes, is about to come.
  absl::Status Claim(const std::string& name, uint64_t bytes, uint32_t crc32c) {
    return list_.Add(name, bytes, crc32c);
  }
  // Writes a small file in one go.
  absl::Status Write(const std::string& name, absl::string_view content);
  // Once all files of the run are here: those of an earlier one go.
  absl::Status RemoveEarlierFiles() { return list_.RemoveEarlier(); }
  // FailedPrecondition when a coordinator is at it.
  absl::Status RemoveState();

 private:
  OutputFolder(std::string path, FolderLock lock, FileList list)
      : path_(std::move(path)), lock_(std::move(lock)), list_(std::move(list)) {}

  absl::Status MakeState();

  std::string path_;
  FolderLock lock_;
  FileList list_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_OUTPUT_FOLDER_H_
