#include "coordinator/store/tensorboard_writer.h"

#include "absl/strings/str_format.h"
#include "proto/wire/crc32c.h"
#include "tensorboard_event.pb.h"

namespace gradloom {
namespace {

// TFRecord masks its checksums, so that a checksum of data that holds checksums stays strong.
uint32_t Masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

template <typename T>
void AppendRaw(T value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::string Record(const tensorboard::Event& event) {
  const std::string data = event.SerializeAsString();
  std::string record;
  AppendRaw(static_cast<uint64_t>(data.size()), record);
  AppendRaw(Masked(Crc32c(record)), record);
  record.append(data);
  AppendRaw(Masked(Crc32c(data)), record);
  return record;
}

}  // namespace

absl::StatusOr<TensorboardWriter> TensorboardWriter::Create(const std::string& folder,
                                                            double unix_seconds, int64_t next_step,
                                                            FileSystem& files) {
  if (absl::Status status = EnsureFolder(files, folder); !status.ok()) return status;
  // TensorBoard reads a folder's files in the order of their names. The number tells files of one
  // second apart: a quick restart.
  for (int number = 0;; ++number) {
    absl::StatusOr<FileWriter> file = FileWriter::Create(
        files, absl::StrFormat("%s/events.out.tfevents.%010d.gradloom.%04d", folder,
                               static_cast<int64_t>(unix_seconds), number));
    if (absl::IsAlreadyExists(file.status())) continue;
    if (!file.ok()) return file.status();
    TensorboardWriter writer(*std::move(file));
    tensorboard::Event event;
    event.set_wall_time(unix_seconds);
    event.set_file_version("brain.Event:2");
    if (absl::Status status = writer.writer_.Append(Record(event)); !status.ok()) return status;
    // The start of a session at a step makes TensorBoard drop what it has from there on.
    event.set_step(next_step);
    event.mutable_session_log()->set_status(tensorboard::SessionLog::START);
    if (absl::Status status = writer.writer_.Append(Record(event)); !status.ok()) return status;
    return writer;
  }
}

absl::Status TensorboardWriter::Write(double unix_seconds, int64_t step,
                                      std::span<const Scalar> scalars) {
  tensorboard::Event event;
  event.set_wall_time(unix_seconds);
  event.set_step(step);
  tensorboard::Summary& summary = *event.mutable_summary();
  for (const Scalar& scalar : scalars) {
    tensorboard::Summary::Value& value = *summary.add_value();
    value.set_tag(scalar.tag);
    value.set_simple_value(static_cast<float>(scalar.value));
  }
  return writer_.Append(Record(event));
}

}  // namespace gradloom
