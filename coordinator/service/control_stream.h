// One worker's control stream: a queue of messages down, a callback for each message up. Keeps
// itself alive until the stream is over. Thread-safe.
#ifndef GRADLOOM_COORDINATOR_SERVICE_CONTROL_STREAM_H_
#define GRADLOOM_COORDINATOR_SERVICE_CONTROL_STREAM_H_

#include <deque>
#include <functional>
#include <memory>

#include "coordinator/service/roster.h"
#include "gradloom/v1/worker.grpc.pb.h"
#include "proto/ops/mutex.h"

namespace gradloom {

class ControlStream final : public grpc::ServerBidiReactor<v1::FromWorker, v1::ToWorker>,
                            public WorkerPeer,
                            public std::enable_shared_from_this<ControlStream> {
 public:
  // From gRPC's threads, one after the other; `gone` once, last.
  struct Handler {
    std::function<void(const std::shared_ptr<ControlStream>&, const v1::FromWorker&)> received;
    std::function<void(ControlStream&)> gone;
  };
  // Owned by itself from here on.
  static ControlStream* Begin(grpc::CallbackServerContext* context, Handler handler);

  void Send(v1::ToWorker message) override;
  void Close(const absl::Status& status) override;
  void Abort() override;

  // 0 until the worker is admitted. The handler's own.
  WorkerId worker = 0;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override;

 private:
  ControlStream(grpc::CallbackServerContext* context, Handler handler)
      : context_(context), handler_(std::move(handler)) {}
  void Leave();
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishWith(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  grpc::CallbackServerContext* context_;  // lives until OnDone
  const Handler handler_;
  std::shared_ptr<ControlStream> self_;
  v1::FromWorker incoming_;
  bool left_ = false;  // gone was called; gRPC's callbacks come one by one
  Mutex mutex_;
  std::deque<v1::ToWorker> queue_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;  // cancelled, or done: the context may be gone
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status close_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_SERVICE_CONTROL_STREAM_H_
