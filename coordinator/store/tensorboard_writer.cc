#include "coordinator/store/tensorboard_writer.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
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

absl::Status TensorboardWriter::Start(double unix_seconds) {
  if (absl::Status status = EnsureFolder(files_->files(), folder_); !status.ok()) return status;
  tensorboard::Event event;
  event.set_wall_time(unix_seconds);
  event.set_file_version("brain.Event:2");
  std::string records = Record(event);
  // The start of a session at a step makes TensorBoard drop what it has from there on.
  event.set_step(next_step_);
  event.mutable_session_log()->set_status(tensorboard::SessionLog::START);
  records.append(Record(event));
  // TensorBoard reads a folder's files in the order of their names. The number tells files of one
  // second apart: a quick restart.
  for (int number = 0;; ++number) {
    std::string path = absl::StrFormat("%s/events.out.tfevents.%010d.gradloom.%04d", folder_,
                                       static_cast<int64_t>(unix_seconds), number);
    absl::Status status = files_->Create(path);
    if (absl::IsAlreadyExists(status)) continue;
    if (!status.ok()) return status;
    path_ = std::move(path);
    return files_->Append(path_, records);
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
  const std::string record = Record(event);
  absl::Status status = absl::NotFoundError("not started");
  if (!path_.empty()) status = files_->Append(path_, record);
  // Somebody tidied up meanwhile.
  if (absl::IsNotFound(status)) {
    status = Start(unix_seconds);
    if (status.ok()) status = files_->Append(path_, record);
  }
  if (status.ok()) {
    next_step_ = step + 1;
  } else {
    path_.clear();
  }
  return status;
}

bool IsEventFileName(absl::string_view name) {
  const auto digits = [&name] {
    const size_t begin = name.size();
    while (!name.empty() && absl::ascii_isdigit(static_cast<unsigned char>(name[0]))) {
      name.remove_prefix(1);
    }
    return begin > name.size();
  };
  return absl::ConsumePrefix(&name, "events.out.tfevents.") && digits() &&
         absl::ConsumePrefix(&name, ".gradloom.") && digits() && name.empty();
}

}  // namespace gradloom
