// The folder of a local run: out/<name>-<time> by default. Holds what the run leaves behind, the
// coordinator's state (from which it can be continued) and the programs' logs; locked while in use.
#ifndef GRADLOOM_COORDINATOR_CLI_OUTPUT_FOLDER_H_
#define GRADLOOM_COORDINATOR_CLI_OUTPUT_FOLDER_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "coordinator/store/folder_lock.h"

namespace gradloom {

class OutputFolder {
 public:
  // Makes the folder (and logs/, state/ below it) and locks it. `path` "": ./out/<name>-<time>,
  // numbered when that is taken. `fresh` removes an earlier run's state. FailedPrecondition when
  // another process uses it.
  static absl::StatusOr<std::unique_ptr<OutputFolder>> Open(const std::string& path,
                                                            const std::string& run_name,
                                                            absl::Time now, bool fresh);
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string state() const { return path_ + "/state"; }
  std::string log(absl::string_view program) const;
  // Writes a small file in one go.
  absl::Status Write(const std::string& name, absl::string_view content) const;
  void RemoveState() const;

 private:
  explicit OutputFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::optional<FolderLock> lock_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_OUTPUT_FOLDER_H_
