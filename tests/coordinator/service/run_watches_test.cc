// Watches over real streams; the runs are a table here.
#include "coordinator/service/run_watches.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gradloom/v1/training.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "proto/ops/channel.h"

namespace gradloom {
namespace {

class FakeService final
    : public v1::TrainingService::WithCallbackMethod_Watch<v1::TrainingService::Service> {
 public:
  explicit FakeService(size_t most)
      : watches_({.status = [this](uint64_t run) { return Status(run); }}, most) {}

  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext*,
                                                     const v1::WatchRequest* request) override {
    return watches_.Watch(request->run());
  }
  void Set(uint64_t run, v1::RunState state, const std::string& text = "") {
    {
      std::lock_guard lock(mutex_);
      runs_[run].set_run(run);
      runs_[run].set_state(state);
      runs_[run].set_error(text);
    }
    watches_.Wake();
  }
  RunWatches& watches() { return watches_; }

 private:
  absl::StatusOr<v1::RunStatus> Status(uint64_t run) {
    std::lock_guard lock(mutex_);
    const auto found = runs_.find(run);
    if (found == runs_.end()) return absl::NotFoundError(absl::StrCat("no run ", run));
    return found->second;
  }

  std::mutex mutex_;
  std::map<uint64_t, v1::RunStatus> runs_;
  RunWatches watches_;
};

class RunWatchesTest : public testing::Test {
 protected:
  void Start(size_t most = RunWatches::kMost) {
    service_ = std::make_unique<FakeService>(most);
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    stub_ = v1::TrainingService::NewStub(MakeChannel(absl::StrCat("127.0.0.1:", port)));
  }
  ~RunWatchesTest() override {
    watchers_.clear();
    server_->Shutdown();
  }

  struct Watcher {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> stream;
    ~Watcher() { context.TryCancel(); }

    v1::RunState Read() {
      v1::WatchResponse response;
      return stream->Read(&response) ? response.status().state() : v1::RUN_STATE_UNSPECIFIED;
    }
    grpc::Status End() {
      v1::WatchResponse response;
      while (stream->Read(&response)) {
      }
      return stream->Finish();
    }
  };
  Watcher& Watch(uint64_t run) {
    watchers_.push_back(std::make_unique<Watcher>());
    v1::WatchRequest request;
    request.set_run(run);
    watchers_.back()->stream = stub_->Watch(&watchers_.back()->context, request);
    return *watchers_.back();
  }

  std::unique_ptr<FakeService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::TrainingService::Stub> stub_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
};

TEST_F(RunWatchesTest, TellsTheStateItsChangesAndTheEnd) {
  Start();
  service_->Set(1, v1::WAITING);
  Watcher& first = Watch(1);
  EXPECT_EQ(first.Read(), v1::WAITING);
  service_->Set(1, v1::RUNNING);
  EXPECT_EQ(first.Read(), v1::RUNNING);
  Watcher& second = Watch(1);
  EXPECT_EQ(second.Read(), v1::RUNNING);
  service_->Set(1, v1::SUCCEEDED);
  EXPECT_EQ(first.Read(), v1::SUCCEEDED);
  EXPECT_TRUE(first.End().ok());
  EXPECT_EQ(second.Read(), v1::SUCCEEDED);
  EXPECT_TRUE(second.End().ok());
  Watcher& third = Watch(1);
  EXPECT_EQ(third.Read(), v1::SUCCEEDED);
  EXPECT_TRUE(third.End().ok());
  EXPECT_EQ(Watch(2).End().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(RunWatchesTest, F21_ThereIsALimitAndItIsTold) {
  Start(/*most=*/2);
  service_->Set(1, v1::RUNNING);
  EXPECT_EQ(Watch(1).Read(), v1::RUNNING);
  Watcher& second = Watch(1);
  EXPECT_EQ(second.Read(), v1::RUNNING);
  const grpc::Status refused = Watch(1).End();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), testing::HasSubstr("2 watches are under way"));
  // Who leaves makes room.
  second.context.TryCancel();
  EXPECT_EQ(second.End().error_code(), grpc::StatusCode::CANCELLED);
  while (Watch(1).Read() != v1::RUNNING) {
  }
}

TEST_F(RunWatchesTest, F21_WhoDoesNotReadDelaysNobody) {
  Start();
  const std::string large(1 << 20, 'x');
  service_->Set(1, v1::RUNNING, large);
  Watcher& deaf = Watch(1);
  Watcher& other = Watch(1);
  EXPECT_EQ(other.Read(), v1::RUNNING);
  // More than fits into what the network holds for one who does not read.
  for (int i = 0; i < 40; ++i) {
    service_->Set(1, v1::RUNNING, absl::StrCat(i, large));
    EXPECT_EQ(other.Read(), v1::RUNNING);
  }
  service_->Set(1, v1::SUCCEEDED);
  EXPECT_TRUE(other.End().ok());
  EXPECT_TRUE(deaf.End().ok());  // the newest, when it reads at last
}

TEST_F(RunWatchesTest, F22_StopEndsThemAll) {
  Start();
  service_->Set(1, v1::RUNNING);
  Watcher& watcher = Watch(1);
  EXPECT_EQ(watcher.Read(), v1::RUNNING);
  service_->watches().Stop();
  EXPECT_EQ(watcher.End().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Watch(1).End().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace gradloom
