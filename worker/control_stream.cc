#include "worker/control_stream.h"

#include <utility>

namespace gradloom {

void ControlStream::Open() {
  stream_ = stub_.Connect(&context_);  // may take long: nobody who writes waits for it
  const MutexLock lock(write_mutex_);
  writable_ = stream_.get();
}

grpc::Status ControlStream::Finish() {
  const MutexLock lock(write_mutex_);
  writable_ = nullptr;
  return stream_->Finish();
}

bool ControlStream::Write(const v1::FromWorker& message) {
  const MutexLock lock(write_mutex_);
  return writable_ != nullptr && writable_->Write(message);
}

void ControlStream::CloseWrites() {
  const MutexLock lock(write_mutex_);
  if (Stream* stream = std::exchange(writable_, nullptr)) stream->WritesDone();
}

}  // namespace gradloom
