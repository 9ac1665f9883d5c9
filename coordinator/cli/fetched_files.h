// Writes the files of a Fetch stream. The peer is not trusted: names stay inside the folder,
// content is checked, sizes must come out. Not thread-safe.
#ifndef GRADLOOM_COORDINATOR_CLI_FETCHED_FILES_H_
#define GRADLOOM_COORDINATOR_CLI_FETCHED_FILES_H_

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gradloom/v1/training.pb.h"

namespace gradloom {

// Relative, of plain components ("a/b.txt"): no "..", no "." and nothing empty, no control
// character or backslash, at most 1,024 bytes.
bool IsSafeFileName(absl::string_view name);

class FetchedFiles {
 public:
  // `folder` exists.
  explicit FetchedFiles(std::string folder) : folder_(std::move(folder)) {}
  ~FetchedFiles();  // removes what is half-written
  FetchedFiles(const FetchedFiles&) = delete;
  FetchedFiles& operator=(const FetchedFiles&) = delete;

  // A file is written beside its place and moved there when it is complete. DataLoss: a wrong
  // CRC-32C, more or fewer bytes than announced; InvalidArgument: an unsafe name, content without a
  // file; Unavailable: cannot be written.
  absl::Status Accept(const v1::FetchResponse& piece);
  // The end of the stream.
  absl::Status Finish();

  // Complete ones, in order.
  const std::vector<std::string>& files() const { return files_; }

 private:
  absl::Status Open(const v1::FetchResponse& piece);
  absl::Status Close();

  std::string folder_;
  std::string name_;  // of the file under way; "" when none
  std::string part_;  // its temporary path
  std::ofstream out_;
  uint64_t left_ = 0;
  std::vector<std::string> files_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_FETCHED_FILES_H_
