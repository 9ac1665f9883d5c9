#include "coordinator/cli/training_client.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "coordinator/cli/fetched_files.h"
#include "grpcpp/support/channel_arguments.h"
#include "proto/ops/channel.h"
#include "proto/ops/printable.h"

namespace gradloom {
namespace {

constexpr std::chrono::seconds kCallDeadline(30);
// The coordinator opens the data before it accepts a run; large text files take their time.
constexpr std::chrono::seconds kSubmitDeadline(600);
constexpr size_t kMessageMax = 16 << 10;  // of an error, in bytes
// A file that became shorter while it was read is a matter of a moment.
constexpr int kFetchAttempts = 3;

}  // namespace

TrainingClient::TrainingClient(const std::string& address) : address_(address) {
  grpc::ChannelArguments arguments;
  // A coordinator that is restarted is found again at once.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // A machine that vanished is noticed within half a minute, though a watch may be silent long.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetMaxReceiveMessageSize(64 << 20);
  channel_ = MakeChannel(address, arguments);
  stub_ = v1::TrainingService::NewStub(channel_);
}

// Known to CancelCalls while it lives.
class TrainingClient::Context {
 public:
  explicit Context(TrainingClient* client) : client_(client) {
    const MutexLock lock(client_->mutex_);
    client_->calls_.insert(&context_);
  }
  ~Context() {
    const MutexLock lock(client_->mutex_);
    client_->calls_.erase(&context_);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  grpc::ClientContext& get() { return context_; }

 private:
  TrainingClient* client_;
  grpc::ClientContext context_;
};

void TrainingClient::CancelCalls() {
  const MutexLock lock(mutex_);
  for (grpc::ClientContext* call : calls_) call->TryCancel();
}

bool TrainingClient::AwaitConnection(std::chrono::milliseconds limit) {
  return channel_->WaitForConnected(std::chrono::system_clock::now() + limit);
}

absl::Status TrainingClient::ToStatus(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  // Whatever it holds, it is a line for a terminal.
  const std::string message = Printable(status.error_message(), kMessageMax);
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    const std::string proxy = ProxyVariable(address_);
    return absl::UnavailableError(absl::StrCat(
        "no coordinator answers at ", address_,
        proxy.empty() ? "" : absl::StrCat(", asked for by the proxy of ", proxy), " (", message,
        "); start one with: gradloom-coordinator --listen ", address_,
        " --state FOLDER, or name another with --coordinator or GRADLOOM_COORDINATOR"));
  }
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return absl::UnimplementedError(
        absl::StrCat("what answers at ", address_, " is no coordinator of this version"));
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), message);
}

template <typename Request, typename Response>
absl::StatusOr<Response> TrainingClient::Call(Method<Request, Response> method,
                                              const Request& request, std::chrono::seconds limit) {
  Context context(this);
  context.get().set_deadline(std::chrono::system_clock::now() + limit);
  Response response;
  absl::Status status = ToStatus((stub_.get()->*method)(&context.get(), request, &response));
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<uint64_t> TrainingClient::Submit(const v1::RunSpec& spec) {
  v1::SubmitRequest request;
  *request.mutable_spec() = spec;
  const auto response = Call(&Stub::Submit, request, kSubmitDeadline);
  if (!response.ok()) return response.status();
  return response->run();
}

absl::StatusOr<v1::GetRunResponse> TrainingClient::GetRun(uint64_t run) {
  v1::GetRunRequest request;
  request.set_run(run);
  return Call(&Stub::GetRun, request, kCallDeadline);
}

absl::StatusOr<std::vector<v1::RunStatus>> TrainingClient::ListRuns() {
  const auto response = Call(&Stub::ListRuns, v1::ListRunsRequest(), kCallDeadline);
  if (!response.ok()) return response.status();
  return std::vector<v1::RunStatus>(response->runs().begin(), response->runs().end());
}

absl::StatusOr<v1::RunStatus> TrainingClient::Cancel(uint64_t run) {
  v1::CancelRequest request;
  request.set_run(run);
  const auto response = Call(&Stub::Cancel, request, kCallDeadline);
  if (!response.ok()) return response.status();
  return response->status();
}

absl::StatusOr<v1::RunStatus> TrainingClient::Resume(uint64_t run, const v1::RunSpec* changed) {
  v1::ResumeRequest request;
  request.set_run(run);
  if (changed != nullptr) *request.mutable_spec() = *changed;
  const auto response = Call(&Stub::Resume, request, kSubmitDeadline);
  if (!response.ok()) return response.status();
  return response->status();
}

absl::Status TrainingClient::Watch(uint64_t run, grpc::ClientContext* context,
                                   const std::function<void(const v1::RunStatus&)>& update) {
  v1::WatchRequest request;
  request.set_run(run);
  auto stream = stub_->Watch(context, request);
  v1::WatchResponse response;
  while (stream->Read(&response)) update(response.status());
  return ToStatus(stream->Finish());
}

absl::StatusOr<std::vector<std::string>> TrainingClient::Fetch(uint64_t run,
                                                               const std::string& folder,
                                                               const FetchedFiles::Claim& claim) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot make the folder '", folder, "': ", error.message()));
  }
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<std::vector<std::string>> files = FetchOnce(run, folder, claim);
    if (!absl::IsAborted(files.status()) || attempt == kFetchAttempts) return files;
  }
}

absl::StatusOr<std::vector<std::string>> TrainingClient::FetchOnce(
    uint64_t run, const std::string& folder, const FetchedFiles::Claim& claim) {
  Context context(this);
  v1::FetchRequest request;
  request.set_run(run);
  FetchedFiles files(folder, claim);
  auto stream = stub_->Fetch(&context.get(), request);
  v1::FetchResponse piece;
  absl::Status status;
  while (status.ok() && stream->Read(&piece)) status = files.Accept(piece);
  if (!status.ok()) {
    context.get().TryCancel();
    // The cancelled stream's own status tells nothing.
    (void)stream->Finish();
    return status;
  }
  status = ToStatus(stream->Finish());
  if (status.ok()) status = files.Finish();
  if (!status.ok()) return status;
  return files.files();
}

}  // namespace gradloom
