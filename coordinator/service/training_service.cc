#include "coordinator/service/training_service.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/number_format.h"

namespace gradloom {
namespace {

constexpr size_t kFilePiece = 256 << 10;
constexpr std::chrono::milliseconds kWatchEvery(200);

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

bool Ended(v1::RunState state) {
  return state == v1::SUCCEEDED || state == v1::FAILED || state == v1::CANCELLED;
}

grpc::Status SendFile(const std::filesystem::path& path, const std::string& name,
                      grpc::ServerWriter<v1::FetchResponse>* writer) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return grpc::Status(grpc::StatusCode::NOT_FOUND, absl::StrCat("cannot read ", name));
  v1::FetchResponse piece;
  piece.set_file(name);
  piece.set_size(std::filesystem::file_size(path));
  do {
    std::string content(kFilePiece, '\0');
    file.read(content.data(), static_cast<std::streamsize>(content.size()));
    content.resize(static_cast<size_t>(file.gcount()));
    piece.set_crc32c(Crc32c(content));
    piece.set_content(std::move(content));
    if (!writer->Write(piece)) return grpc::Status::CANCELLED;
    piece.Clear();
  } while (file);
  return grpc::Status::OK;
}

}  // namespace

grpc::Status TrainingServiceImpl::Submit(grpc::ServerContext*, const v1::SubmitRequest* request,
                                         v1::SubmitResponse* response) {
  absl::StatusOr<uint64_t> run = registry_->Submit(request->spec());
  if (!run.ok()) return ToGrpc(run.status());
  response->set_run(*run);
  return grpc::Status::OK;
}

grpc::Status TrainingServiceImpl::Watch(grpc::ServerContext* context,
                                        const v1::WatchRequest* request,
                                        grpc::ServerWriter<v1::WatchResponse>* writer) {
  std::string last;
  while (!context->IsCancelled() && !stopping_) {
    absl::StatusOr<v1::RunStatus> status = registry_->Status(request->run());
    if (!status.ok()) return ToGrpc(status.status());
    v1::WatchResponse response;
    *response.mutable_status() = *status;
    const std::string bytes = response.SerializeAsString();
    if (bytes != last && !writer->Write(response)) return grpc::Status::CANCELLED;
    last = bytes;
    if (Ended(status->state())) {
      registry_->ReleaseEnded();
      return grpc::Status::OK;
    }
    registry_->WaitForEnd(request->run(), kWatchEvery);
  }
  return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the coordinator stops");
}

grpc::Status TrainingServiceImpl::GetRun(grpc::ServerContext*, const v1::GetRunRequest* request,
                                         v1::GetRunResponse* response) {
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
  for (const v1::RunStatus& status : registry_->List()) *response->add_runs() = status;
  return grpc::Status::OK;
}

grpc::Status TrainingServiceImpl::Cancel(grpc::ServerContext*, const v1::CancelRequest* request,
                                         v1::CancelResponse* response) {
  if (absl::Status status = registry_->Cancel(request->run()); !status.ok()) return ToGrpc(status);
  if (absl::StatusOr<v1::RunStatus> status = registry_->Status(request->run()); status.ok()) {
    *response->mutable_status() = *status;
  }
  return grpc::Status::OK;
}

grpc::Status TrainingServiceImpl::Resume(grpc::ServerContext*, const v1::ResumeRequest* request,
                                         v1::ResumeResponse* response) {
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

grpc::Status TrainingServiceImpl::Fetch(grpc::ServerContext*, const v1::FetchRequest* request,
                                        grpc::ServerWriter<v1::FetchResponse>* writer) {
  absl::StatusOr<std::string> folder = registry_->OutputFolder(request->run());
  if (!folder.ok()) return ToGrpc(folder.status());
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*folder, error)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  if (error) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND,
                        absl::StrCat("run ", request->run(), " has no output yet"));
  }
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& file : files) {
    const std::string name = file.lexically_relative(*folder).generic_string();
    if (grpc::Status status = SendFile(file, name, writer); !status.ok()) return status;
  }
  return grpc::Status::OK;
}

}  // namespace gradloom
