// The client against a service in the same process.
#include "coordinator/cli/training_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/cli/run_watcher.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/number_format.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FakeService : public v1::TrainingService::Service {
 public:
  grpc::Status Submit(grpc::ServerContext*, const v1::SubmitRequest* request,
                      v1::SubmitResponse* response) override {
    if (request->spec().name() == "bad") {
      return {grpc::StatusCode::INVALID_ARGUMENT, "data.train.idx.images: 'x' does not exist"};
    }
    if (request->spec().name() == "evil") {
      return {grpc::StatusCode::INVALID_ARGUMENT, "no\nrun: succeeded\x1b[2J\u202e"};
    }
    response->set_run(7);
    return grpc::Status::OK;
  }
  grpc::Status Watch(grpc::ServerContext*, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::WatchResponse>* writer) override {
    ++watches;
    v1::WatchResponse response;
    response.mutable_status()->set_run(request->run());
    response.mutable_status()->set_state(v1::RUNNING);
    response.mutable_status()->set_rounds(watches);
    writer->Write(response);
    if (watches < 3) return {grpc::StatusCode::UNAVAILABLE, "the coordinator stops"};
    response.mutable_status()->set_state(v1::SUCCEEDED);
    writer->Write(response);
    return grpc::Status::OK;
  }
  grpc::Status Fetch(grpc::ServerContext*, const v1::FetchRequest* request,
                     grpc::ServerWriter<v1::FetchResponse>* writer) override {
    if (request->run() == 9 && ++fetches < 3) {
      return {grpc::StatusCode::ABORTED, "metrics.csv became shorter while it was read"};
    }
    v1::FetchResponse piece;
    piece.set_file(request->run() != 8 ? "model.safetensors" : "../model");
    piece.set_size(5 << 20);  // above gRPC's default limit of 4 MiB
    piece.set_content(std::string(5 << 20, 'x'));
    piece.set_crc32c(Crc32c(piece.content()));
    writer->Write(piece);
    return grpc::Status::OK;
  }

  int watches = 0;
  int fetches = 0;
};

class TrainingClientTest : public testing::Test {
 protected:
  TrainingClientTest() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    client_ = std::make_unique<TrainingClient>(absl::StrCat("127.0.0.1:", port));
    std::filesystem::remove_all(folder_);
  }
  ~TrainingClientTest() override {
    server_->Shutdown();
    std::filesystem::remove_all(folder_);
  }

  FakeService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<TrainingClient> client_;
  const std::string folder_ = absl::StrCat(testing::TempDir(), "/client-", getpid());
};

TEST_F(TrainingClientTest, SubmitsAndPassesErrorsOn) {
  EXPECT_EQ(client_->Submit(v1::RunSpec()).value(), 7);
  v1::RunSpec bad;
  bad.set_name("bad");
  EXPECT_EQ(client_->Submit(bad).status(),
            absl::InvalidArgumentError("data.train.idx.images: 'x' does not exist"));
}

TEST_F(TrainingClientTest, FetchesFiles) {
  const auto files = client_->Fetch(7, folder_);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(*files, ElementsAre("model.safetensors"));
  EXPECT_EQ(std::filesystem::file_size(folder_ + "/model.safetensors"), 5 << 20);
  EXPECT_EQ(client_->Fetch(8, folder_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TrainingClientTest, AFileThatBecameShorterIsFetchedAgain) {
  EXPECT_TRUE(client_->Fetch(9, folder_).ok());
  EXPECT_EQ(service_.fetches, 3);
}

TEST_F(TrainingClientTest, F21_ErrorsAreOneLineForATerminal) {
  v1::RunSpec evil;
  evil.set_name("evil");
  EXPECT_EQ(client_->Submit(evil).status(),
            absl::InvalidArgumentError("no\\nrun: succeeded\\x1b[2J\\u202e"));
}

TEST_F(TrainingClientTest, WatchesAcrossBrokenStreams) {
  RunWatcher watcher(client_.get(), 7, std::chrono::seconds(60));
  RunWatcher::Seen seen;
  while (!seen.ended) seen = watcher.Wait(std::chrono::seconds(10));
  EXPECT_TRUE(seen.error.ok()) << seen.error;
  EXPECT_EQ(seen.status.state(), v1::SUCCEEDED);
  EXPECT_EQ(seen.status.rounds(), 3);
}

TEST_F(TrainingClientTest, AWatcherGivesUpOnASilentCoordinator) {
  TrainingClient nobody("127.0.0.1:1");
  RunWatcher watcher(&nobody, 7, std::chrono::milliseconds(1));
  RunWatcher::Seen seen;
  while (!seen.ended) seen = watcher.Wait(std::chrono::seconds(10));
  EXPECT_EQ(seen.error.code(), absl::StatusCode::kUnavailable);
}

TEST_F(TrainingClientTest, SaysWhatToDoWhenNobodyAnswers) {
  TrainingClient nobody("127.0.0.1:1");
  EXPECT_THAT(std::string(nobody.ListRuns().status().message()),
              AllOf(HasSubstr("no coordinator answers at 127.0.0.1:1"),
                    HasSubstr("gradloom-coordinator --listen 127.0.0.1:1")));
  // Not implemented by the fake: like a server that is no coordinator.
  EXPECT_THAT(std::string(client_->ListRuns().status().message()), HasSubstr("no coordinator of"));
}

}  // namespace
}  // namespace gradloom
