#include "coordinator/service/training_service.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/service/folder_reader.h"
#include "coordinator/service/grpc_status.h"

namespace gradloom {
namespace {

constexpr int kFetchesMax = 64;  // at a time: each holds a file open

// The files of a folder, a piece after the other. Deletes itself.
class FetchStream final : public grpc::ServerWriteReactor<v1::FetchResponse> {
 public:
  FetchStream(FolderReader reader, std::atomic<int>* under_way, const std::atomic<bool>* stopping)
      : reader_(std::move(reader)), under_way_(under_way), stopping_(stopping) {
    WriteNext();
  }
  void OnWriteDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::CANCELLED);
    } else {
      WriteNext();
    }
  }
  void OnDone() override {
    --*under_way_;
    delete this;
  }

 private:
  void WriteNext() {
    if (*stopping_) {
      Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the coordinator stops"));
      return;
    }
    const absl::StatusOr<bool> more = reader_.Next(&piece_);
    if (more.ok() && *more) {
      StartWrite(&piece_);
    } else {
      Finish(ToGrpc(more.status()));
    }
  }

  FolderReader reader_;
  std::atomic<int>* under_way_;
  const std::atomic<bool>* stopping_;
  v1::FetchResponse piece_;
};

}  // namespace

TrainingServiceImpl::TrainingServiceImpl(RunRegistry* registry)
    : registry_(registry),
      watches_({.status = [registry](uint64_t run) { return registry->Status(run); },
                .ended = [registry] { registry->ReleaseEnded(); }}) {}

void TrainingServiceImpl::Stop() {
  stopping_ = true;
  watches_.Stop();
}

grpc::Status TrainingServiceImpl::Serving() const {
  if (stopping_) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the coordinator stops");
  if (started_) return grpc::Status::OK;
  return grpc::Status(grpc::StatusCode::UNAVAILABLE,
                      "the coordinator is resuming its runs; try again soon");
}

grpc::Status TrainingServiceImpl::Submit(grpc::ServerContext* context,
                                         const v1::SubmitRequest* request,
                                         v1::SubmitResponse* response) {
  if (grpc::Status serving = Serving(); !serving.ok()) return serving;
  absl::StatusOr<uint64_t> run =
      registry_->Submit(request->spec(), [context] { return context->IsCancelled(); });
  if (!run.ok()) return ToGrpc(run.status());
  response->set_run(*run);
  return grpc::Status::OK;
}

grpc::Status TrainingServiceImpl::GetRun(grpc::ServerContext*, const v1::GetRunRequest* request,
                                         v1::GetRunResponse* response) {
  if (grpc::Status serving = Serving(); !serving.ok()) return serving;
  absl::StatusOr<v1::RunStatus> status = registry_->Status(request->run());
  if (!status.ok()) return ToGrpc(status.status());
  *response->mutable_status() = *status;
  if (absl::StatusOr<v1::RunSpec> spec = registry_->Spec(request->run()); spec.ok()) {
    *response->mutable_spec() = *spec;
  }
  return grpc::Status::OK;
}

grpc::Status TrainingServiceImpl::ListRuns(grpc::ServerContext*, const v1::ListRunsRequest*,
                                           v1::ListRunsResponse* response) {
  if (grpc::Status serving = Serving(); !serving.ok()) return serving;
  for (const v1::RunStatus& status : registry_->List()) *response->add_runs() = status;
  return grpc::Status::OK;
}

grpc::Status TrainingServiceImpl::Cancel(grpc::ServerContext*, const v1::CancelRequest* request,
                                         v1::CancelResponse* response) {
  if (grpc::Status serving = Serving(); !serving.ok()) return serving;
  if (absl::Status status = registry_->Cancel(request->run()); !status.ok()) return ToGrpc(status);
  if (absl::StatusOr<v1::RunStatus> status = registry_->Status(request->run()); status.ok()) {
    *response->mutable_status() = *status;
  }
  return grpc::Status::OK;
}

grpc::Status TrainingServiceImpl::Resume(grpc::ServerContext*, const v1::ResumeRequest* request,
                                         v1::ResumeResponse* response) {
  if (grpc::Status serving = Serving(); !serving.ok()) return serving;
  std::optional<v1::RunSpec> changed;
  if (request->has_spec()) changed = request->spec();
  if (absl::Status status = registry_->Resume(request->run(), changed); !status.ok()) {
    return ToGrpc(status);
  }
  if (absl::StatusOr<v1::RunStatus> status = registry_->Status(request->run()); status.ok()) {
    *response->mutable_status() = *status;
  }
  return grpc::Status::OK;
}

grpc::ServerWriteReactor<v1::WatchResponse>* TrainingServiceImpl::Watch(
    grpc::CallbackServerContext*, const v1::WatchRequest* request) {
  if (grpc::Status serving = Serving(); !serving.ok()) {
    return new RefusedStream<v1::WatchResponse>(serving);
  }
  return watches_.Watch(request->run());
}

grpc::ServerWriteReactor<v1::FetchResponse>* TrainingServiceImpl::Fetch(
    grpc::CallbackServerContext*, const v1::FetchRequest* request) {
  const auto refuse = [](const grpc::Status& status) {
    return new RefusedStream<v1::FetchResponse>(status);
  };
  if (grpc::Status serving = Serving(); !serving.ok()) return refuse(serving);
  const absl::StatusOr<std::string> folder = registry_->OutputFolder(request->run());
  if (!folder.ok()) return refuse(ToGrpc(folder.status()));
  absl::StatusOr<FolderReader> reader = FolderReader::Open(*folder);
  if (absl::IsNotFound(reader.status())) {
    return refuse(grpc::Status(grpc::StatusCode::NOT_FOUND,
                               absl::StrCat("run ", request->run(), " has no output yet")));
  }
  if (!reader.ok()) return refuse(ToGrpc(reader.status()));
  if (++fetches_ > kFetchesMax) {
    --fetches_;
    return refuse(grpc::Status(
        grpc::StatusCode::RESOURCE_EXHAUSTED,
        absl::StrCat(kFetchesMax, " fetches are under way, which is the limit; try again soon")));
  }
  return new FetchStream(*std::move(reader), &fetches_, &stopping_);
}

}  // namespace gradloom
