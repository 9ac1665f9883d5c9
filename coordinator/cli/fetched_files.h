// Writes the files of a Fetch stream. The peer is not trusted: names stay inside the folder,
// content is checked, sizes must come out. Not thread-safe.
#ifndef GRADLOOM_COORDINATOR_CLI_FETCHED_FILES_H_
#define GRADLOOM_COORDINATOR_CLI_FETCHED_FILES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/store/atomic_file.h"
#include "coordinator/store/file_list.h"
#include "gradloom/v1/training.pb.h"

namespace gradloom {

class FetchedFiles {
 public:
  // Called when a file is complete, before it is moved to its place; what it fails with, that does.
  using Claim =
      std::function<absl::Status(const std::string& name, uint64_t bytes, uint32_t crc32c)>;

  // `folder` exists.
  explicit FetchedFiles(std::string folder, Claim claim = nullptr)
      : folder_(std::move(folder)), claim_(std::move(claim)) {}
  ~FetchedFiles();  // removes what is half-written
  FetchedFiles(const FetchedFiles&) = delete;
  FetchedFiles& operator=(const FetchedFiles&) = delete;

  // A file is written beside its place and moved there when it is complete. DataLoss: a wrong
  // CRC-32C, more or fewer bytes than announced; InvalidArgument: an unsafe name, content without a
  // file; the system's own: cannot be written.
  absl::Status Accept(const v1::FetchResponse& piece);
  // The end of the stream.
  absl::Status Finish();

  // Complete ones, in order.
  const std::vector<std::string>& files() const { return files_; }

 private:
  absl::Status Open(const v1::FetchResponse& piece);
  absl::Status Close();

  std::string folder_;
  Claim claim_;
  std::string name_;  // of the file under way; "" when none
  std::string part_;  // its temporary path
  std::optional<FileWriter> out_;
  uint64_t left_ = 0;
  std::vector<std::string> files_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_FETCHED_FILES_H_
