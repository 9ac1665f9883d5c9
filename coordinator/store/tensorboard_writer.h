// Writes scalars for TensorBoard: an event file is a TFRecord file (length, masked CRC-32C of the
// length, record, masked CRC-32C of the record) of Event messages. TensorBoard shows one curve per
// folder, so each lane of a trial has its own. Not thread-safe; never reads a clock.
#ifndef GRADLOOM_COORDINATOR_STORE_TENSORBOARD_WRITER_H_
#define GRADLOOM_COORDINATOR_STORE_TENSORBOARD_WRITER_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/append_file.h"

namespace gradloom {

struct Scalar {
  std::string tag;  // e.g. "loss", "test/accuracy"
  double value;
};

class TensorboardWriter {
 public:
  // Touches nothing before the first Write, which starts a new event file in the folder (made if
  // needed). next_step: the first step that will be written; what earlier files of the folder hold
  // from there on, TensorBoard forgets. `files` must outlive the writer.
  TensorboardWriter(std::string folder, int64_t next_step, AppendFiles* files)
      : folder_(std::move(folder)), next_step_(next_step), files_(files) {}

  // In the file, visible to TensorBoard, when it returns. After an error the next one starts a new
  // file, since TensorBoard reads none beyond a damaged record. Times in seconds since 1970.
  absl::Status Write(double unix_seconds, int64_t step, std::span<const Scalar> scalars);

 private:
  absl::Status Start(double unix_seconds);

  std::string folder_;
  int64_t next_step_;
  AppendFiles* files_;
  std::string path_;  // "": to be started
};

// Whether a file of that name, in whatever folder, is one of these.
bool IsEventFileName(absl::string_view name);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_TENSORBOARD_WRITER_H_
