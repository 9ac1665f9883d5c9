#include "worker/control_stream.h"

#include <utility>

namespace gradloom {

void ControlStream::Open() {
  auto stream = stub_.Connect(&context_);  // may take long: nobody who writes waits for it
  const std::lock_guard lock(write_mutex_);
  stream_ = std::move(stream);
}

grpc::Status ControlStream::Finish() {
  const std::lock_guard lock(write_mutex_);
  writes_closed_ = true;
  return stream_->Finish();
}

bool ControlStream::Write(const v1::FromWorker& message) {
  const std::lock_guard lock(write_mutex_);
  return !writes_closed_ && stream_ != nullptr && stream_->Write(message);
}

void ControlStream::CloseWrites() {
  const std::lock_guard lock(write_mutex_);
  if (!writes_closed_ && stream_ != nullptr) stream_->WritesDone();
  writes_closed_ = true;
}

}  // namespace gradloom
