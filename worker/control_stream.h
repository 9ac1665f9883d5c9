// The control stream of one connection: one thread reads, any may write. Thread-safe but for Open,
// Read and Finish, which are the reader's.
#ifndef GRADLOOM_WORKER_CONTROL_STREAM_H_
#define GRADLOOM_WORKER_CONTROL_STREAM_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "gradloom/v1/worker.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "proto/ops/mutex.h"

namespace gradloom {

class ControlStream {
 public:
  explicit ControlStream(v1::WorkerService::Stub& stub) : stub_(stub) {}

  // First of all. May wait for the network; Cancel() ends that.
  void Open();
  // Waits for a message; false: the stream has ended.
  bool Read(v1::ToWorker* message) { return stream_->Read(message); }
  // After the last Read.
  grpc::Status Finish();

  // One message at a time; false, and it is lost: the stream is not open, or not any more.
  bool Write(const v1::FromWorker& message);
  // Nothing more will be written.
  void CloseWrites();
  // Ends the stream at once.
  void Cancel() { context_.TryCancel(); }

 private:
  v1::WorkerService::Stub& stub_;
  grpc::ClientContext context_;
  using Stream = grpc::ClientReaderWriter<v1::FromWorker, v1::ToWorker>;
  std::unique_ptr<Stream> stream_;                            // the reader's, from Open() on
  Mutex write_mutex_;                                         // one writer at a time
  Stream* writable_ ABSL_GUARDED_BY(write_mutex_) = nullptr;  // null: not open, or closed
};

}  // namespace gradloom

#endif  // GRADLOOM_WORKER_CONTROL_STREAM_H_
