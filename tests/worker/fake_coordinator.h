// A coordinator of the worker's tests: a real gRPC server in this process that does as it is told
// and lets the test wait for what the worker sends.
#ifndef GRADLOOM_TESTS_WORKER_FAKE_COORDINATOR_H_
#define GRADLOOM_TESTS_WORKER_FAKE_COORDINATOR_H_

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gradloom/v1/worker.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "proto/wire/frame.h"

namespace gradloom {

// A port of the loopback where nobody answers, until a FakeCoordinator takes it over. Held
// throughout, so that no other test's coordinator gets it meanwhile.
class ReservedPort {
 public:
  ReservedPort() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    const int yes = 1;  // as gRPC's listeners do
    setsockopt(socket_, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bind(socket_, reinterpret_cast<sockaddr*>(&address), size);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~ReservedPort() { close(socket_); }
  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;

  int port() const { return port_; }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

 private:
  int socket_;
  int port_ = 0;
};

class FakeCoordinator final : public v1::WorkerService::Service {
 public:
  struct Reply {
    v1::VectorHeader header;
    std::vector<float> values;
  };

  explicit FakeCoordinator(int port = 0) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeCoordinator() override {
    EndStream();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

  // What to answer a Hello with.
  void RefuseWith(const std::string& reason, bool retry, int times = 1) {
    const std::lock_guard lock(mutex_);
    refusal_.set_reason(reason);
    refusal_.set_retry(retry);
    refusals_ = times;
  }
  // So many connections to come end as soon as they are welcomed, since another of the same name
  // has connected.
  void Replace(int times) {
    const std::lock_guard lock(mutex_);
    replacements_ = times;
  }
  // How to answer FetchParameters beyond the parameters themselves.
  void OnFetch(std::function<grpc::Status(std::vector<v1::Frame>&)> change) {
    const std::lock_guard lock(mutex_);
    on_fetch_ = std::move(change);
  }
  void Serve(uint64_t version, std::vector<float> parameters, v1::NumberFormat format = v1::FP32) {
    const std::lock_guard lock(mutex_);
    parameters_[version] = {std::move(parameters), format};
  }

  void Send(const v1::ToWorker& message) {
    const std::lock_guard lock(mutex_);
    outbox_.push_back(message);
    changed_.notify_all();
  }
  void Offer(const v1::RunOffer& offer) {
    v1::ToWorker message;
    *message.mutable_run_offer() = offer;
    Send(message);
  }
  void Assign(uint64_t run, const std::vector<v1::Task>& tasks) {
    v1::ToWorker message;
    message.mutable_assign()->set_run(run);
    for (const v1::Task& task : tasks) *message.mutable_assign()->add_tasks() = task;
    Send(message);
  }
  void Drop(uint64_t run, const std::vector<uint64_t>& tasks) {
    v1::ToWorker message;
    message.mutable_drop()->set_run(run);
    for (const uint64_t task : tasks) message.mutable_drop()->add_tasks(task);
    Send(message);
  }
  // Cuts the control stream.
  void EndStream() {
    const std::lock_guard lock(mutex_);
    if (context_ != nullptr) context_->TryCancel();
    context_ = nullptr;
    changed_.notify_all();
  }

  // Waits for the next message of a kind, leaving out others (heartbeats, say).
  v1::FromWorker Next(v1::FromWorker::MessageCase kind) {
    std::unique_lock lock(mutex_);
    v1::FromWorker found;
    changed_.wait_for(lock, kPatience, [&] {
      for (auto at = inbox_.begin(); at != inbox_.end(); ++at) {
        if (at->message_case() != kind) continue;
        found = *at;
        inbox_.erase(at);
        return true;
      }
      return false;
    });
    return found;
  }
  Reply NextReply() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return !replies_.empty(); });
    if (replies_.empty()) return {};
    Reply reply = std::move(replies_.front());
    replies_.pop_front();
    return reply;
  }
  size_t replies() const {
    const std::lock_guard lock(mutex_);
    return replies_.size();
  }
  int fetches() const {
    const std::lock_guard lock(mutex_);
    return fetches_;
  }

  grpc::Status Connect(grpc::ServerContext* context,
                       grpc::ServerReaderWriter<v1::ToWorker, v1::FromWorker>* stream) override {
    v1::FromWorker hello;
    if (!stream->Read(&hello)) return grpc::Status::OK;
    v1::ToWorker first;
    bool replaced = false;
    {
      const std::lock_guard lock(mutex_);
      inbox_.push_back(hello);
      changed_.notify_all();
      if (refusals_ > 0) {
        --refusals_;
        *first.mutable_refusal() = refusal_;
      } else {
        first.mutable_welcome()->set_generation(++generation_);
        replaced = replacements_ > 0;
        if (replaced) --replacements_;
        context_ = replaced ? nullptr : context;
        outbox_.clear();
      }
    }
    stream->Write(first);
    if (first.has_refusal()) return grpc::Status::OK;
    if (replaced) return {grpc::StatusCode::ABORTED, "replaced by a newer connection"};
    std::thread writer([&] { WriteOutbox(context, stream); });
    for (v1::FromWorker message; stream->Read(&message);) {
      const std::lock_guard lock(mutex_);
      inbox_.push_back(message);
      changed_.notify_all();
    }
    {
      const std::lock_guard lock(mutex_);
      // The worker's next stream may have begun before this one noticed its end.
      if (context_ == context) context_ = nullptr;
      changed_.notify_all();
    }
    writer.join();
    return grpc::Status::OK;
  }

  grpc::Status FetchParameters(grpc::ServerContext*, const v1::FetchParametersRequest* request,
                               grpc::ServerWriter<v1::Frame>* stream) override {
    std::vector<v1::Frame> frames;
    grpc::Status status;
    {
      const std::lock_guard lock(mutex_);
      ++fetches_;
      const auto found = parameters_.find(request->segment().version());
      if (found == parameters_.end()) return {grpc::StatusCode::NOT_FOUND, "stale"};
      v1::VectorHeader header;
      header.set_format(found->second.second);
      FrameWriter writer(header, found->second.first);
      for (v1::Frame frame; writer.Next(frame);) frames.push_back(frame);
      if (on_fetch_) status = on_fetch_(frames);
    }
    for (const v1::Frame& frame : frames) stream->Write(frame);
    return status;
  }

  grpc::Status PushReply(grpc::ServerContext*, grpc::ServerReader<v1::Frame>* stream,
                         v1::PushReplyResponse* response) override {
    FrameReader reader;
    Reply reply;
    for (v1::Frame frame; stream->Read(&frame);) {
      const auto range = reader.Accept(frame);
      if (!range.ok()) {
        return {grpc::StatusCode::INVALID_ARGUMENT, std::string(range.status().message())};
      }
      reply.values.resize(reader.header().length());
      reader.Decode(frame, std::span(reply.values).subspan(range->offset, range->count));
    }
    if (!reader.Finish().ok()) return {grpc::StatusCode::DATA_LOSS, "cut off"};
    reply.header = reader.header();
    response->set_accepted(true);
    const std::lock_guard lock(mutex_);
    replies_.push_back(std::move(reply));
    changed_.notify_all();
    return grpc::Status::OK;
  }

 private:
  static constexpr std::chrono::seconds kPatience{20};

  // As long as the stream of `context` is the current one.
  void WriteOutbox(const grpc::ServerContext* context,
                   grpc::ServerReaderWriter<v1::ToWorker, v1::FromWorker>* stream) {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return context_ != context || !outbox_.empty(); });
      if (context_ != context) return;
      const v1::ToWorker message = outbox_.front();
      outbox_.pop_front();
      lock.unlock();
      stream->Write(message);
      lock.lock();
    }
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<v1::FromWorker> inbox_;
  std::deque<v1::ToWorker> outbox_;
  std::deque<Reply> replies_;
  std::map<uint64_t, std::pair<std::vector<float>, v1::NumberFormat>> parameters_;
  std::function<grpc::Status(std::vector<v1::Frame>&)> on_fetch_;
  v1::Refusal refusal_;
  int refusals_ = 0;
  int replacements_ = 0;
  int fetches_ = 0;
  uint64_t generation_ = 0;
  grpc::ServerContext* context_ = nullptr;  // of the control stream that is served, if any
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_WORKER_FAKE_COORDINATOR_H_
