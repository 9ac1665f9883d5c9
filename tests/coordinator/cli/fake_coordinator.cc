// Stands in for both programs of a local run, by its name. As gradloom-coordinator it takes the
// flags that `gradloom run` gives, keeps its run in a file of the state folder, and makes a job of
// progress at every look; FAKE_MODE makes it misbehave:
//   dies      kills itself (signal 9) once, in the middle of the run
//   fails     exits at once
//   waits     makes no progress until it is cancelled
//   thinks    never answers a submission
// As gradloom-worker it waits to be stopped.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <string>

#include "gradloom/v1/training.grpc.pb.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/number_format.h"

namespace gradloom {
namespace {

constexpr uint64_t kJobs = 20;

// The run's record is the file: a restarted process goes on from it.
class FakeCoordinator : public v1::TrainingService::Service {
 public:
  FakeCoordinator(std::string state, std::string mode) : file_(state + "/run"), mode_(mode) {
    std::ifstream in(file_, std::ios::binary);
    if (in) run_.ParseFromIstream(&in);
    if (run_.status().run() != 0) run_.mutable_status()->set_resumes(run_.status().resumes() + 1);
  }

  grpc::Status Submit(grpc::ServerContext*, const v1::SubmitRequest* request,
                      v1::SubmitResponse* response) override {
    std::lock_guard lock(mutex_);
    if (mode_ == "thinks") {
      std::ofstream(file_ + ".thinking").flush();
      while (true) pause();
    }
    *run_.mutable_spec() = request->spec();
    auto* status = run_.mutable_status();
    status->set_run(1);
    status->set_name(request->spec().name());
    status->set_state(v1::RUNNING);
    for (const auto& trial : request->spec().trials()) {
      status->add_trials()->set_name(trial.name());
      status->mutable_trials()->rbegin()->set_jobs(kJobs);
    }
    Save();
    response->set_run(1);
    return grpc::Status::OK;
  }

  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest*,
                     grpc::ServerWriter<v1::WatchResponse>* writer) override {
    while (!context->IsCancelled()) {
      v1::WatchResponse response;
      {
        std::lock_guard lock(mutex_);
        Step();
        *response.mutable_status() = run_.status();
      }
      if (!writer->Write(response)) break;
      if (response.status().state() != v1::RUNNING) return grpc::Status::OK;
      if (mode_ == "waits") usleep(10'000);
    }
    return grpc::Status::CANCELLED;
  }

  grpc::Status GetRun(grpc::ServerContext*, const v1::GetRunRequest*,
                      v1::GetRunResponse* response) override {
    std::lock_guard lock(mutex_);
    *response = run_;
    return grpc::Status::OK;
  }

  grpc::Status ListRuns(grpc::ServerContext*, const v1::ListRunsRequest*,
                        v1::ListRunsResponse* response) override {
    std::lock_guard lock(mutex_);
    if (run_.status().run() != 0) *response->add_runs() = run_.status();
    return grpc::Status::OK;
  }

  grpc::Status Cancel(grpc::ServerContext*, const v1::CancelRequest*,
                      v1::CancelResponse*) override {
    std::lock_guard lock(mutex_);
    run_.mutable_status()->set_state(v1::CANCELLED);
    Save();
    return grpc::Status::OK;
  }

  grpc::Status Resume(grpc::ServerContext*, const v1::ResumeRequest* request,
                      v1::ResumeResponse*) override {
    std::lock_guard lock(mutex_);
    if (request->has_spec()) *run_.mutable_spec() = request->spec();
    run_.mutable_status()->set_state(v1::RUNNING);
    Save();
    return grpc::Status::OK;
  }

  grpc::Status Fetch(grpc::ServerContext*, const v1::FetchRequest*,
                     grpc::ServerWriter<v1::FetchResponse>* writer) override {
    v1::FetchResponse piece;
    piece.set_file("model.safetensors");
    piece.set_content("parameters");
    piece.set_size(piece.content().size());
    piece.set_crc32c(Crc32c(piece.content()));
    writer->Write(piece);
    return grpc::Status::OK;
  }

 private:
  void Step() {
    auto* trial = run_.mutable_status()->mutable_trials(0);
    if (mode_ == "waits" || run_.status().state() != v1::RUNNING) return;
    trial->set_jobs_done(trial->jobs_done() + 1);
    if (trial->jobs_done() >= kJobs) {
      trial->set_finished(true);
      run_.mutable_status()->set_state(v1::SUCCEEDED);
    }
    Save();
    if (mode_ == "dies" && trial->jobs_done() == kJobs / 2) kill(getpid(), SIGKILL);
  }

  void Save() const {
    std::ofstream out(file_ + ".part", std::ios::binary);
    run_.SerializeToOstream(&out);
    out.close();
    std::filesystem::rename(file_ + ".part", file_);
  }

  const std::string file_;
  const std::string mode_;
  std::mutex mutex_;
  v1::GetRunResponse run_;
};

int Main(int argc, char** argv) {
  std::map<std::string, std::string> flags;
  for (int i = 1; i + 1 < argc; i += 2) flags[argv[i]] = argv[i + 1];
  const char* fake_mode = std::getenv("FAKE_MODE");
  const std::string mode = fake_mode == nullptr ? "" : fake_mode;
  if (std::filesystem::path(argv[0]).filename() == "gradloom-worker") {
    while (true) pause();
  }
  if (mode == "fails") {
    std::cerr << "cannot read the state: disk on fire" << std::endl;
    return 1;
  }
  FakeCoordinator service(flags["--state"], mode);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(flags["--listen"], grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr || port == 0) return 1;
  const std::string part = flags["--port-file"] + ".part";
  std::ofstream(part) << "{\"listen\": \"127.0.0.1:" << port << "\", \"metrics\": \"\"}\n";
  std::filesystem::rename(part, flags["--port-file"]);
  while (true) pause();
}

}  // namespace
}  // namespace gradloom

int main(int argc, char** argv) { return gradloom::Main(argc, argv); }
