#include "coordinator/service/control_stream.h"

#include <utility>

#include "coordinator/service/grpc_status.h"

namespace gradloom {
namespace {

// A worker that does not read its control stream is cut off rather than buffered for without end.
constexpr size_t kQueuedMessagesMax = 100000;

}  // namespace

ControlStream* ControlStream::Begin(grpc::CallbackServerContext* context, Handler handler) {
  std::shared_ptr<ControlStream> stream(new ControlStream(context, std::move(handler)));
  ControlStream* reactor = stream.get();
  reactor->self_ = std::move(stream);
  reactor->StartRead(&reactor->incoming_);
  return reactor;
}

void ControlStream::Send(v1::ToWorker message) {
  const MutexLock lock(mutex_);
  if (finishing_ || closing_) return;
  if (queue_.size() >= kQueuedMessagesMax) {
    if (!std::exchange(over_, true)) context_->TryCancel();
    return;
  }
  queue_.push_back(std::move(message));
  if (!writing_) WriteNext();
}

void ControlStream::Close(const absl::Status& status) {
  const MutexLock lock(mutex_);
  if (finishing_) return;
  close_status_ = ToGrpc(status);
  closing_ = true;
  if (!writing_) FinishWith(close_status_);
}

void ControlStream::Abort() {
  const MutexLock lock(mutex_);
  if (!std::exchange(over_, true)) context_->TryCancel();
}

void ControlStream::OnReadDone(bool ok) {
  if (!ok) {
    Leave();
    Close(absl::OkStatus());
    return;
  }
  handler_.received(shared_from_this(), incoming_);
  StartRead(&incoming_);
}

void ControlStream::OnWriteDone(bool ok) {
  const MutexLock lock(mutex_);
  writing_ = false;
  if (finishing_) return;
  if (!ok) {
    // Nobody reads any more. The read side sees the end as well, or never if it is silent.
    FinishWith(grpc::Status::CANCELLED);
    return;
  }
  queue_.pop_front();
  if (!queue_.empty()) {
    WriteNext();
  } else if (closing_) {
    FinishWith(close_status_);
  }
}

void ControlStream::OnDone() {
  Leave();
  {
    const MutexLock lock(mutex_);
    over_ = true;
  }
  self_.reset();
}

void ControlStream::Leave() {
  if (!std::exchange(left_, true)) handler_.gone(*this);
}

void ControlStream::WriteNext() {
  writing_ = true;
  StartWrite(&queue_.front());
}

void ControlStream::FinishWith(const grpc::Status& status) {
  finishing_ = true;
  Finish(status);
}

}  // namespace gradloom
