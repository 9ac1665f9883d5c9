#include "coordinator/service/reply_stream.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/service/grpc_status.h"
#include "proto/ops/logging.h"
#include "proto/ops/mutex.h"
#include "proto/wire/frame.h"
#include "proto/wire/received_frame.h"

namespace gradloom {
namespace {

// Its messages are parsed here and not by generated code, so that a payload is copied once: from
// where the network left it to where it is kept. The next message is asked for before this one is
// worked on, so that gRPC receives it meanwhile.
class ReplyStream final : public grpc::ServerReadReactor<grpc::ByteBuffer> {
 public:
  ReplyStream(RunRegistry* registry, CoordinatorMetrics* metrics, grpc::ByteBuffer* response)
      : registry_(registry), metrics_(metrics), response_(response) {
    StartRead(&incoming_);
  }

  void OnReadDone(bool ok) override {
    // The next call waits here for its turn, should it come before this one has ended.
    const MutexLock lock(mutex_);
    if (finished_) return;
    absl::Status status;
    if (ok) {
      grpc::ByteBuffer message;
      message.Swap(&incoming_);
      StartRead(&incoming_);
      status = OnMessage(message);
      if (status.ok()) return;
    } else {
      status = OnEnd();
    }
    Respond(std::move(status));
  }
  void OnDone() override { delete this; }

 private:
  absl::Status OnMessage(const grpc::ByteBuffer& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::vector<grpc::Slice> slices;
    if (!message.Dump(&slices).ok()) return absl::InternalError("a message without bytes");
    std::vector<absl::string_view> pieces;
    for (const grpc::Slice& slice : slices) {
      pieces.emplace_back(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
    const absl::StatusOr<ReceivedFrame> frame = ReceivedFrame::Parse(pieces);
    return frame.ok() ? OnFrame(*frame) : frame.status();
  }

  absl::Status OnFrame(const ReceivedFrame& frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!reply_.has_value()) {
      if (absl::Status status = Begin(frame); !status.ok()) return status;
    }
    FramePool::Buffer values = reply_->NewBuffer();
    const absl::StatusOr<FrameReader::Range> range = reader_.Accept(frame, values.values());
    if (!range.ok()) return range.status();
    return reply_->AddFrame(range->offset / reply_->frame_values(), std::move(values), range->count,
                            frame.crc32c());
  }

  absl::Status Begin(const ReceivedFrame& first) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!first.has_header()) {
      return absl::InvalidArgumentError("the first frame of a reply must have a header");
    }
    const v1::VectorHeader& header = first.header();
    engine_ = registry_->Active(header.run());
    if (engine_ == nullptr) {
      return absl::NotFoundError(absl::StrCat("run ", header.run(), " is not active"));
    }
    absl::StatusOr<Reply> reply =
        engine_->BeginReply(header.task(), header.generation(), header.examples());
    if (!reply.ok()) return reply.status();
    if (header.length() != reply->length() || header.frame_values() != reply->frame_values() ||
        header.format() != engine_->wire().replies()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "task ", header.task(), ": a reply of ", header.length(), " values in frames of ",
          header.frame_values(), " and format ", v1::NumberFormat_Name(header.format()),
          "; expected ", reply->length(), " in frames of ", reply->frame_values(), " and ",
          v1::NumberFormat_Name(engine_->wire().replies())));
    }
    reply_ = *std::move(reply);
    return absl::OkStatus();
  }

  void Respond(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    finished_ = true;
    v1::PushReplyResponse response;
    response.set_accepted(status.ok());
    if (absl::IsCancelled(status)) {
      Log(LogLevel::kDebug, absl::StrCat("reply withdrawn: ", status.message()));
    } else if (!status.ok()) {
      response.set_reason(std::string(status.message()));
      metrics_->replies_refused.Increment();
      // Not wanted any more is no error of the worker's.
      if (absl::IsNotFound(status)) {
        status = absl::OkStatus();
      } else {
        Log(LogLevel::kWarning, absl::StrCat("reply refused: ", status.message()));
      }
    }
    bool own_buffer = false;
    const grpc::Status serialised = grpc::SerializationTraits<v1::PushReplyResponse>::Serialize(
        response, response_, &own_buffer);
    Finish(status.ok() ? serialised : ToGrpc(status));
  }

  // Half a reply is an erasure like any other: its worker was told to drop it, or is gone.
  absl::Status OnEnd() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (absl::Status status = reader_.Finish(); !status.ok()) {
      return absl::CancelledError(status.message());
    }
    return reply_->Finish(reader_.header().compute_seconds());
  }

  RunRegistry* registry_;
  CoordinatorMetrics* metrics_;
  grpc::ByteBuffer* response_;  // a PushReplyResponse
  grpc::ByteBuffer incoming_;   // a Frame
  Mutex mutex_;                 // one call of OnReadDone at a time
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<RunEngine> engine_ ABSL_GUARDED_BY(mutex_);
  std::optional<Reply> reply_ ABSL_GUARDED_BY(mutex_);
  FrameReader reader_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

grpc::ServerReadReactor<grpc::ByteBuffer>* ReceiveReply(RunRegistry* registry,
                                                        CoordinatorMetrics* metrics,
                                                        grpc::ByteBuffer* response) {
  return new ReplyStream(registry, metrics, response);
}

}  // namespace gradloom
