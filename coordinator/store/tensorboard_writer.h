// Writes scalars for TensorBoard: an event file is a TFRecord file (length, masked CRC-32C of the
// length, record, masked CRC-32C of the record) of Event messages. TensorBoard shows one curve per
// folder, so each trial has its own. Not thread-safe; never reads a clock.
#ifndef GRADLOOM_COORDINATOR_STORE_TENSORBOARD_WRITER_H_
#define GRADLOOM_COORDINATOR_STORE_TENSORBOARD_WRITER_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/atomic_file.h"
#include "coordinator/store/file_system.h"

namespace gradloom {

struct Scalar {
  std::string tag;  // e.g. "loss", "test/accuracy"
  double value;
};

class TensorboardWriter {
 public:
  // Starts a new event file in the folder (made if needed). next_step: the first step that will be
  // written; what earlier files of the folder hold from there on, TensorBoard forgets. Times in
  // seconds since 1970. `files` must outlive the writer.
  static absl::StatusOr<TensorboardWriter> Create(const std::string& folder, double unix_seconds,
                                                  int64_t next_step,
                                                  FileSystem& files = PosixFileSystem());

  // In the file, visible to TensorBoard, when it returns.
  absl::Status Write(double unix_seconds, int64_t step, std::span<const Scalar> scalars);

 private:
  explicit TensorboardWriter(FileWriter writer) : writer_(std::move(writer)) {}

  FileWriter writer_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_TENSORBOARD_WRITER_H_
