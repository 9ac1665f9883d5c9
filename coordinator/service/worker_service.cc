#include "coordinator/service/worker_service.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/ops/logging.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/frame.h"
#include "proto/wire/number_format.h"

namespace gradloom {
namespace {

// A worker that does not read its control stream is cut off rather than buffered for without end.
constexpr size_t kQueuedMessagesMax = 100000;
constexpr size_t kNameMax = 200;

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

}  // namespace

// One worker's control stream. Kept alive by the service's map and by itself until OnDone.
class WorkerServiceImpl::Connection final
    : public grpc::ServerBidiReactor<v1::FromWorker, v1::ToWorker>,
      public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(WorkerServiceImpl* service) : service_(service) {}

  void Begin(std::shared_ptr<Connection> self) {
    self_ = std::move(self);
    StartRead(&incoming_);
  }

  void Send(v1::ToWorker message) {
    std::lock_guard lock(mutex_);
    if (finishing_) return;
    if (queue_.size() >= kQueuedMessagesMax) {
      FinishLocked(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                "the worker does not read its control stream"));
      return;
    }
    queue_.push_back(std::move(message));
    if (!writing_) WriteNextLocked();
  }

  // Sends what is queued, then ends the stream.
  void Close(grpc::Status status) {
    std::lock_guard lock(mutex_);
    if (finishing_) return;
    close_status_ = std::move(status);
    closing_ = true;
    if (!writing_) FinishLocked(close_status_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      service_->OnGone(*this);
      Close(grpc::Status::OK);
      return;
    }
    if (id == 0) {
      if (!incoming_.has_hello()) {
        Close(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the first message must be hello"));
        return;
      }
      service_->OnHello(shared_from_this(), incoming_.hello());
    } else {
      service_->OnMessage(*this, incoming_);
    }
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    writing_ = false;
    if (!ok || finishing_) return;  // the read side sees the end as well
    queue_.pop_front();
    if (!queue_.empty()) {
      WriteNextLocked();
    } else if (closing_) {
      FinishLocked(close_status_);
    }
  }

  void OnDone() override {
    service_->OnGone(*this);
    self_.reset();
  }

  // Set by the service under its mutex, at hello.
  WorkerId id = 0;
  v1::Hello hello;
  std::set<uint64_t> ready_runs;

 private:
  void WriteNextLocked() {
    writing_ = true;
    StartWrite(&queue_.front());
  }
  void FinishLocked(const grpc::Status& status) {
    finishing_ = true;
    Finish(status);
  }

  WorkerServiceImpl* service_;
  std::shared_ptr<Connection> self_;
  v1::FromWorker incoming_;
  std::mutex mutex_;
  std::deque<v1::ToWorker> queue_;
  bool writing_ = false;
  bool closing_ = false;
  bool finishing_ = false;
  grpc::Status close_status_;
};

WorkerServiceImpl::WorkerServiceImpl(std::string version, CoordinatorMetrics* metrics)
    : version_(std::move(version)), metrics_(metrics) {}

WorkerServiceImpl::~WorkerServiceImpl() = default;

grpc::ServerBidiReactor<v1::FromWorker, v1::ToWorker>* WorkerServiceImpl::Connect(
    grpc::CallbackServerContext*) {
  auto connection = std::make_shared<Connection>(this);
  Connection* reactor = connection.get();
  reactor->Begin(std::move(connection));
  return reactor;
}

std::string WorkerServiceImpl::Admit(const v1::Hello& hello, bool* retry) {
  *retry = false;
  if (hello.version() != version_) {
    return absl::StrCat("worker ", hello.worker(), " is of version \"", hello.version(),
                        "\", this coordinator of \"", version_, "\": they must be equal");
  }
  if (hello.worker().empty() || hello.worker().size() > kNameMax) {
    return absl::StrCat("a worker's name must have 1..", kNameMax, " characters");
  }
  if (!isa_.empty() && !connections_.empty() && hello.isa() != isa_) {
    *retry = true;
    return absl::StrCat("worker ", hello.worker(), " computes at instruction-set level ",
                        hello.isa(), ", the fleet at ", isa_,
                        ": replicas would differ in their last bits; start it with --isa=", isa_);
  }
  return "";
}

void WorkerServiceImpl::OnHello(const std::shared_ptr<Connection>& connection,
                                const v1::Hello& hello) {
  std::shared_ptr<Connection> replaced;
  {
    std::lock_guard lock(mutex_);
    bool retry = false;
    if (std::string reason = Admit(hello, &retry); !reason.empty()) {
      Log(LogLevel::kWarning, absl::StrCat("refused: ", reason));
      v1::ToWorker message;
      message.mutable_refusal()->set_reason(reason);
      message.mutable_refusal()->set_retry(retry);
      connection->Send(std::move(message));
      connection->Close(grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, reason));
      return;
    }
    // A worker that comes back before its old stream was seen to break: the old one is fenced.
    for (const auto& [id, other] : connections_) {
      if (other->hello.worker() == hello.worker()) replaced = other;
    }
    connection->id = next_worker_++;
    connection->hello = hello;
    connections_[connection->id] = connection;
    isa_ = hello.isa();
    metrics_->workers.Set(static_cast<double>(connections_.size()));
  }
  if (replaced != nullptr) {
    OnGone(*replaced);
    replaced->Close(grpc::Status(grpc::StatusCode::ABORTED, "replaced by a newer connection"));
  }
  Log(LogLevel::kInfo,
      absl::StrCat("worker ", hello.worker(), " joined (", hello.isa(), ", ", connection->id, ")"));
  v1::ToWorker welcome;
  welcome.mutable_welcome()->set_generation(connection->id);
  connection->Send(std::move(welcome));
  for (const std::shared_ptr<RunEngine>& engine : registry_->AllActive()) {
    Offer(*connection, *engine);
  }
}

void WorkerServiceImpl::Offer(Connection& connection, const RunEngine& engine) {
  v1::ToWorker message;
  v1::RunOffer* offer = message.mutable_run_offer();
  offer->set_run(engine.run());
  *offer->mutable_spec() = engine.options().spec;
  for (const v1::TrialSpec& trial : engine.options().trials) *offer->add_trials() = trial;
  offer->set_data_checksum(engine.data_checksum());
  connection.Send(std::move(message));
}

void WorkerServiceImpl::OnMessage(Connection& connection, const v1::FromWorker& message) {
  switch (message.message_case()) {
    case v1::FromWorker::kRunReady: {
      const v1::RunReady& ready = message.run_ready();
      std::shared_ptr<RunEngine> engine = registry_->Active(ready.run());
      if (engine == nullptr) return;
      std::string error = ready.error();
      if (error.empty() && ready.data_checksum() != engine->data_checksum()) {
        error = absl::StrCat("its training data have checksum ", absl::Hex(ready.data_checksum()),
                             " (", ready.examples(), " examples), the coordinator's ",
                             absl::Hex(engine->data_checksum()), " (", engine->examples(),
                             "): they must be the same data");
      }
      if (!error.empty()) {
        Log(LogLevel::kError, absl::StrCat("worker ", connection.hello.worker(),
                                           " cannot serve run ", ready.run(), ": ", error));
        engine->WorkerUnfit(connection.hello.worker(), error);
        return;
      }
      {
        std::lock_guard lock(mutex_);
        if (!connections_.contains(connection.id)) return;
        if (!connection.ready_runs.insert(ready.run()).second) return;
      }
      engine->WorkerReady(connection.id, connection.hello.worker());
      return;
    }
    case v1::FromWorker::kTaskFailed: {
      const v1::TaskFailed& failed = message.task_failed();
      Log(LogLevel::kWarning, absl::StrCat("worker ", connection.hello.worker(), ", task ",
                                           failed.task(), ": ", failed.error()));
      if (auto engine = registry_->Active(failed.run())) {
        engine->Post(TaskFailedEvent{failed.task(), failed.fatal(), failed.error()});
      }
      return;
    }
    case v1::FromWorker::kTaskDropped: {
      const v1::TaskDropped& dropped = message.task_dropped();
      if (auto engine = registry_->Active(dropped.run()); engine != nullptr &&
                                                          dropped.estimated_seconds() >= 0 &&
                                                          dropped.estimated_seconds() < 1e6) {
        engine->Post(TaskDropped{dropped.task(), absl::Seconds(dropped.estimated_seconds())});
      }
      return;
    }
    case v1::FromWorker::kGoodbye:
      Log(LogLevel::kInfo, absl::StrCat("worker ", connection.hello.worker(),
                                        " says goodbye: ", message.goodbye().reason()));
      OnGone(connection);
      connection.Close(grpc::Status::OK);
      return;
    default:
      return;  // heartbeats, and messages of versions to come
  }
}

void WorkerServiceImpl::OnGone(Connection& connection) {
  std::set<uint64_t> runs;
  size_t left = 0;
  {
    std::lock_guard lock(mutex_);
    if (connection.id == 0 || connections_.erase(connection.id) == 0) return;
    runs = std::exchange(connection.ready_runs, {});
    left = connections_.size();
  }
  metrics_->workers.Set(static_cast<double>(left));
  metrics_->workers_lost.Increment();
  Log(LogLevel::kInfo,
      absl::StrCat("worker ", connection.hello.worker(), " (", connection.id, ") is gone"));
  for (uint64_t run : runs) {
    if (auto engine = registry_->Active(run)) engine->WorkerGone(connection.id);
  }
}

void WorkerServiceImpl::RunStarted(const std::shared_ptr<RunEngine>& engine) {
  std::vector<std::shared_ptr<Connection>> all;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, connection] : connections_) all.push_back(connection);
  }
  for (const std::shared_ptr<Connection>& connection : all) Offer(*connection, *engine);
}

void WorkerServiceImpl::RunEnded(uint64_t run) {
  v1::ToWorker message;
  message.mutable_run_end()->set_run(run);
  std::lock_guard lock(mutex_);
  for (const auto& [id, connection] : connections_) {
    connection->ready_runs.erase(run);
    connection->Send(message);
  }
}

void WorkerServiceImpl::CloseAll() {
  std::map<WorkerId, std::shared_ptr<Connection>> all;
  {
    std::lock_guard lock(mutex_);
    all = connections_;
  }
  for (const auto& [id, connection] : all) {
    connection->Close(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the coordinator stops"));
  }
}

void WorkerServiceImpl::Send(WorkerId worker, v1::ToWorker message) {
  std::shared_ptr<Connection> connection;
  {
    std::lock_guard lock(mutex_);
    const auto found = connections_.find(worker);
    if (found == connections_.end()) return;
    connection = found->second;
  }
  connection->Send(std::move(message));
}

// ---- parameters out -----------------------------------------------------------------------------

namespace {

class ParameterStream final : public grpc::ServerWriteReactor<v1::Frame> {
 public:
  ParameterStream(std::shared_ptr<RunEngine> engine, const v1::FetchParametersRequest& request,
                  CoordinatorMetrics* metrics)
      : engine_(std::move(engine)), request_(request), metrics_(metrics) {
    const Trial* trial = engine_ == nullptr ? nullptr : engine_->trial(request.trial());
    if (trial == nullptr) {
      Finish(grpc::Status(
          grpc::StatusCode::NOT_FOUND,
          absl::StrCat("no active run ", request.run(), " with a trial ", request.trial())));
      return;
    }
    const std::vector<SegmentSpec>& segments = trial->workload().segments();
    if (request.segment().segment() >= segments.size()) {
      Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                          absl::StrCat("segment ", request.segment().segment(), " of trial ",
                                       request.trial(), ": legal are 0 to ", segments.size() - 1)));
      return;
    }
    trial_ = trial;
    segment_ = {static_cast<int32_t>(request.segment().segment()),
                static_cast<int64_t>(request.segment().version())};
    format_ = engine_->wire().parameters();
    length_ = static_cast<size_t>(segments[request.segment().segment()].size);
    frame_values_ = FrameValues(format_, engine_->wire().frame_bytes());
    values_.resize(std::min(frame_values_, length_));
    WriteNext();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::CANCELLED);
    } else {
      WriteNext();
    }
  }
  void OnDone() override { delete this; }

 private:
  void WriteNext() {
    if (offset_ >= length_) {
      Finish(grpc::Status::OK);
      return;
    }
    const size_t count = std::min(frame_values_, length_ - offset_);
    const std::span<float> values(values_.data(), count);
    if (!trial_->ReadSegment(segment_, offset_, values)) {
      Finish(
          grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                       absl::StrCat("version ", segment_.version, " of segment ", segment_.segment,
                                    " of trial ", request_.trial(), " has been superseded")));
      return;
    }
    frame_.Clear();
    if (offset_ == 0) {
      v1::VectorHeader* header = frame_.mutable_header();
      header->set_run(request_.run());
      header->set_trial(request_.trial());
      header->set_length(length_);
      header->set_format(format_);
      header->set_frame_values(static_cast<uint32_t>(frame_values_));
    }
    frame_.set_offset(offset_);
    std::string& payload = *frame_.mutable_payload();
    payload.resize(count * BytesPerValue(format_));
    EncodeValues(format_, values, payload.data());
    frame_.set_crc32c(Crc32c(payload));
    metrics_->parameter_bytes.Increment(static_cast<double>(frame_.payload().size()));
    offset_ += count;
    StartWrite(&frame_);
  }

  std::shared_ptr<RunEngine> engine_;
  v1::FetchParametersRequest request_;
  CoordinatorMetrics* metrics_;
  const Trial* trial_ = nullptr;
  SegmentVersion segment_;
  v1::NumberFormat format_ = v1::FP32;
  size_t length_ = 0;
  size_t frame_values_ = 0;
  size_t offset_ = 0;
  std::vector<float> values_;
  v1::Frame frame_;
};

// ---- replies in ---------------------------------------------------------------------------------

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
    std::lock_guard lock(mutex_);
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
  absl::Status OnMessage(const grpc::ByteBuffer& message) {
    std::vector<grpc::Slice> slices;
    if (!message.Dump(&slices).ok()) return absl::InternalError("a message without bytes");
    std::vector<absl::string_view> pieces;
    for (const grpc::Slice& slice : slices) {
      pieces.emplace_back(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
    const absl::StatusOr<ReceivedFrame> frame = ReceivedFrame::Parse(pieces);
    return frame.ok() ? OnFrame(*frame) : frame.status();
  }

  absl::Status OnFrame(const ReceivedFrame& frame) {
    if (!reply_.has_value()) {
      if (absl::Status status = Begin(frame); !status.ok()) return status;
    }
    FramePool::Buffer values = reply_->NewBuffer();
    const absl::StatusOr<FrameReader::Range> range = reader_.Accept(frame, values.values());
    if (!range.ok()) return range.status();
    return reply_->AddFrame(range->offset / reply_->frame_values(), std::move(values), range->count,
                            frame.crc32c());
  }

  absl::Status Begin(const ReceivedFrame& first) {
    if (!first.has_header()) {
      return absl::InvalidArgumentError("the first frame of a reply must have a header");
    }
    const v1::VectorHeader& header = first.header();
    engine_ = registry_->Active(header.run());
    if (engine_ == nullptr) {
      return absl::NotFoundError(absl::StrCat("run ", header.run(), " is not active"));
    }
    absl::StatusOr<RunEngine::Reply> reply =
        engine_->BeginReply(header.task(), header.generation());
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

  void Respond(absl::Status status) {
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
  absl::Status OnEnd() {
    if (absl::Status status = reader_.Finish(); !status.ok()) {
      return absl::CancelledError(status.message());
    }
    return reply_->Finish(reader_.header().compute_seconds());
  }

  RunRegistry* registry_;
  CoordinatorMetrics* metrics_;
  grpc::ByteBuffer* response_;  // a PushReplyResponse
  grpc::ByteBuffer incoming_;   // a Frame
  std::mutex mutex_;            // one call of OnReadDone at a time; guards all below
  bool finished_ = false;
  std::shared_ptr<RunEngine> engine_;
  std::optional<RunEngine::Reply> reply_;
  FrameReader reader_;
};

}  // namespace

grpc::ServerWriteReactor<v1::Frame>* WorkerServiceImpl::FetchParameters(
    grpc::CallbackServerContext*, const v1::FetchParametersRequest* request) {
  return new ParameterStream(registry_->Active(request->run()), *request, metrics_);
}

grpc::ServerReadReactor<grpc::ByteBuffer>* WorkerServiceImpl::PushReply(
    grpc::CallbackServerContext*, grpc::ByteBuffer* response) {
  return new ReplyStream(registry_, metrics_, response);
}

}  // namespace gradloom
