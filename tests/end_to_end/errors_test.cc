// Bad input: a clear message that names field, value and what is legal; a non-zero exit; nothing
// half-written. The real programs.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gradloom/v1/training.grpc.pb.h"
#include "gradloom/v1/worker.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "proto/ops/channel.h"
#include "tests/end_to_end/cluster.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/summary.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kData[] = "data: {train: {classification: {count: 300}}}\n";
constexpr char kRest[] =
    "workload: logistic_regression\ntraining: {batch_size: 100, jobs: 5}\nscheme: {slots: 2, gc: "
    "{s: 1}}\n";

// A socket that holds a port of the loopback.
class TakenPort {
 public:
  TakenPort() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bind(socket_, reinterpret_cast<sockaddr*>(&address), size);
    listen(socket_, 1);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~TakenPort() { close(socket_); }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

 private:
  int socket_;
  int port_ = 0;
};

class Errors : public ::testing::Test {
 protected:
  // Trains from this text with one worker.
  Outcome Run(const std::string& text) {
    WriteText(folder_ / "run.yaml", text);
    return RunProgram(
        {GRADLOOM, "run", folder_ / "run.yaml", "--workers", "2", "--output", folder_ / "out"},
        folder_ / "log");
  }
  void ExpectNothingOfARun() {
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out" / "summary.json"));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out" / "state" / "runs" / "1"));
  }
  // A run that was accepted, and failed before it trained anything.
  void ExpectNoModels(const std::filesystem::path& output) {
    EXPECT_EQ(ReadSummary(output / "summary.json").state, "FAILED");
    for (const auto& entry : std::filesystem::directory_iterator(output)) {
      EXPECT_NE(entry.path().extension(), ".safetensors") << entry.path();
    }
  }

  TestFolder folder_;
};

TEST_F(Errors, AnUnknownKey) {
  const Outcome outcome = Run(absl::StrCat(kData, kRest, "optimiser: adam\n"));
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("run.yaml:5"), HasSubstr("optimiser"), HasSubstr("optimizer")));
  ExpectNothingOfARun();
}

TEST_F(Errors, AnImpossibleCode) {
  const Outcome outcome =
      Run(absl::StrCat(kData, "workload: logistic_regression\nscheme: {slots: 4, gc: {s: 4}}\n"));
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("scheme.gc.s"), HasSubstr("4")));
  ExpectNothingOfARun();
}

TEST_F(Errors, ACodeThatIsImpossibleWithTheseWorkers) {
  const Outcome outcome =
      Run(absl::StrCat(kData, "workload: logistic_regression\nscheme: {gc: {s: 2}}\n"));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("run.yaml"), HasSubstr("scheme.gc.s: 2"),
                                    HasSubstr("less than slots = 2")));
  ExpectNothingOfARun();
  // On a cluster it shows when the run starts.
  Cluster cluster(folder_);
  cluster.AddWorker("a");
  const Outcome later =
      cluster.Gradloom({"submit", folder_ / "run.yaml", "--set", "fleet.min_workers=1", "--set",
                        "fleet.gather=0s", "--watch"});
  EXPECT_EQ(later.code, 1);
  EXPECT_THAT(later.output, AllOf(HasSubstr("scheme.gc"), HasSubstr("s = 2 is not legal"),
                                  HasSubstr("less than slots = 1")));
  ExpectNoModels(folder_ / "state" / "runs" / "1" / "output");
}

TEST_F(Errors, ACodeOfMoreSlotsThanItCanHave) {
  const Outcome outcome = Run(absl::StrCat(
      kData, "workload: logistic_regression\nscheme: {slots: 2000, gc: {s: 1, code: dual}}\n"));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("scheme.gc"), HasSubstr("2000"), HasSubstr("1024")));
  ExpectNothingOfARun();
}

TEST_F(Errors, ASchemeOfMorePartsThanTheSumCanAdd) {
  const Outcome outcome =
      Run(absl::StrCat(kData,
                       "workload: logistic_regression\ntrials: [{}, {}, {}, {}]\n"
                       "scheme: {slots: 16384, m_sgc: {b: 1, w: 4, lambda: 16384}}\n"));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("scheme.m_sgc"), HasSubstr("W=4"), HasSubstr("16384 slots"),
                    HasSubstr("49152 parts"), HasSubstr("legal are at most 32768")));
  ExpectNothingOfARun();
}

TEST_F(Errors, ADelayWithoutEnoughTrials) {
  const Outcome outcome = Run(absl::StrCat(
      kData,
      "workload: logistic_regression\nscheme: {slots: 4, m_sgc: {b: 1, w: 2, lambda: 1}}\n"));
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("m_sgc"), HasSubstr("T = 1"), HasSubstr("2 trials")));
  ExpectNothingOfARun();
}

// Refused before any memory is taken for it.
TEST_F(Errors, AModelBeyondItsLimit) {
  for (const std::string workload :
       {"mlp: {hidden: [16777216, 16777216]}", "forward_forward: {hidden: [16777216, 16777216]}",
        "noprop: {hidden: 65536, blocks: 1024, embedding: prototype}"}) {
    const Outcome outcome = Run(
        absl::StrCat(kData, "workload: {", workload, "}\ntraining: {batch_size: 100, jobs: 5}\n"));
    EXPECT_EQ(outcome.code, 1) << workload;
    EXPECT_THAT(outcome.output, HasSubstr("parameters: limits.max_parameters is 2147483648"))
        << workload;
    ExpectNothingOfARun();
  }
}

// What no run file can say, and what no machine can hold: refused, and nothing of it stays.
TEST_F(Errors, F17_WhatAClientOfTheApiSends) {
  v1::RunSpec good;
  good.set_name("good");
  good.mutable_data()->mutable_train()->mutable_classification()->set_count(300);
  good.mutable_workload()->mutable_logistic_regression();
  good.mutable_training()->set_jobs(1);
  const Cluster cluster(folder_);
  const auto stub = v1::TrainingService::NewStub(MakeChannel(cluster.address()));
  const auto submit = [&](const v1::RunSpec& spec) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    v1::SubmitRequest request;
    *request.mutable_spec() = spec;
    v1::SubmitResponse response;
    return stub->Submit(&context, request, &response);
  };
  std::vector<std::pair<v1::RunSpec, std::string>> bad;
  const auto add = [&](std::string says) {
    bad.emplace_back(good, std::move(says));
    return &bad.back().first;
  };
  add("fleet.round_timeout")
      ->mutable_fleet()
      ->mutable_round_timeout()
      ->set_seconds(int64_t{1} << 62);
  add("checkpoint.every")->mutable_checkpoint()->mutable_every()->set_nanos(-1);
  add("optimizer.learning_rate")->mutable_optimizer()->set_learning_rate(NAN);
  add("training.jobs")->mutable_training()->set_jobs(uint64_t{1} << 61);
  add("checkpoint.keep")->mutable_checkpoint()->set_keep(1u << 31);
  add("name")->set_name("a\nb");
  v1::RunSpec* large = add("--max-parameters");
  large->mutable_limits()->set_max_parameters(uint64_t{1} << 40);
  large->mutable_workload()->mutable_mlp()->add_hidden(100'000);
  large->mutable_workload()->mutable_mlp()->add_hidden(100'000);
  v1::RunSpec* test = add("--max-memory");
  test->mutable_data()->mutable_test()->mutable_classification()->set_count(uint64_t{1} << 40);
  for (const auto& [spec, says] : bad) {
    const grpc::Status status = submit(spec);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << says;
    EXPECT_THAT(status.error_message(), HasSubstr(says));
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "state" / "runs" / "1"));
  const grpc::Status accepted = submit(good);
  EXPECT_TRUE(accepted.ok()) << accepted.error_message();
}

// As the run would, whoever of the programs it is.
TEST_F(Errors, F28_CheckOpensWhatTheRunWould) {
  const auto check = [&](const std::string& more, const std::vector<std::string>& flags = {}) {
    WriteText(folder_ / "run.yaml", absl::StrCat(kData, kRest, more));
    std::vector<std::string> argv = {GRADLOOM, "check", folder_ / "run.yaml"};
    argv.insert(argv.end(), flags.begin(), flags.end());
    return RunProgram(argv, folder_ / "log");
  };
  EXPECT_EQ(check("").code, 0);
  for (const std::string more : {"straggle: {trace: absent}\n", "start_from: absent\n"}) {
    const Outcome outcome = check(more);
    EXPECT_EQ(outcome.code, 1) << more;
    EXPECT_THAT(outcome.output,
                AllOf(HasSubstr("run.yaml: "), HasSubstr(".file"), HasSubstr(folder_ / "absent")));
    EXPECT_EQ(check(more, {"--no-files"}).code, 0);
  }
  const Outcome data = check("", {"--set", "data.train={csv: absent}"});
  EXPECT_EQ(data.code, 1);
  EXPECT_THAT(data.output, HasSubstr("data.train.csv.file"));
}

TEST_F(Errors, AMissingFileAndThenTheRightOne) {
  const Outcome outcome = Run(absl::StrCat("data: {train: {csv: {file: absent.csv}}}\n", kRest));
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("data.train.csv.file"), HasSubstr("absent.csv")));
  ExpectNothingOfARun();
  const Outcome repaired = Run(absl::StrCat(kData, kRest));
  EXPECT_EQ(repaired.code, 0) << repaired.output;
}

TEST_F(Errors, AMissingRunFile) {
  const Outcome outcome = RunProgram(
      {GRADLOOM, "run", folder_ / "absent.yaml", "--output", folder_ / "out"}, folder_ / "log");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("absent.yaml"), HasSubstr("does not exist")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST_F(Errors, AMissingTrace) {
  const Outcome outcome =
      Run(absl::StrCat(kData, kRest, "straggle: {trace: {file: absent.csv}}\n"));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("straggle.trace.file"), HasSubstr("absent.csv"),
                                    HasSubstr("cannot be opened")));
  ExpectNothingOfARun();
  const Outcome flag = RunProgram(
      {GRADLOOM_WORKER, "--coordinator", "127.0.0.1:1", "--straggle", "trace:file=absent.csv"},
      folder_ / "log");
  EXPECT_EQ(flag.code, 2);
  EXPECT_THAT(flag.output, AllOf(HasSubstr("straggle.trace.file"), HasSubstr("absent.csv")));
}

TEST_F(Errors, ATruncatedIdx) {
  WriteText(folder_ / "images",
            std::string("\0\0\x08\x03\0\0\0\x0a\0\0\0\x1c\0\0\0\x1c", 16) + std::string(100, '\1'));
  WriteText(folder_ / "labels", std::string("\0\0\x08\x01\0\0\0\x0a", 8) + std::string(10, '\0'));
  const Outcome outcome =
      Run(absl::StrCat("data: {train: {idx: {images: images, labels: labels}}}\n"
                       "workload: softmax_regression\n"));
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("data.train.idx.images"), HasSubstr("truncated")));
  ExpectNothingOfARun();
}

TEST_F(Errors, NotANumberInTheData) {
  WriteText(folder_ / "data.csv", "1,2,0\n3,nan,1\n");
  const Outcome outcome = Run(absl::StrCat("data: {train: {csv: {file: data.csv}}}\n", kRest));
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("data.csv"), HasSubstr("2"), HasSubstr("nan")));
  ExpectNothingOfARun();
}

TEST_F(Errors, ATrainingThatDiverges) {
  const Outcome outcome =
      Run("data: {train: {regression: {count: 300}}}\nworkload: linear_regression\n"
          "optimizer: {kind: sgd, learning_rate: 1e6}\ntraining: {batch_size: 100, jobs: 200}\n"
          "scheme: {slots: 2, gc: {s: 1}}\n");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("trial-0"), HasSubstr("job")));
  EXPECT_EQ(ReadSummary(folder_ / "out" / "summary.json").state, "FAILED");
}

TEST_F(Errors, PortsInUse) {
  const TakenPort taken;
  for (const char* flag : {"--listen", "--metrics"}) {
    std::vector<std::string> argv = {GRADLOOM_COORDINATOR, "--state",     folder_ / "state",
                                     "--listen",           "127.0.0.1:0", "--metrics",
                                     "127.0.0.1:0"};
    for (size_t i = 0; i + 1 < argv.size(); ++i) {
      if (argv[i] == flag) argv[i + 1] = taken.address();
    }
    const Outcome outcome = RunProgram(argv, folder_ / "log");
    EXPECT_NE(outcome.code, 0);
    EXPECT_THAT(outcome.output, AllOf(HasSubstr(flag), HasSubstr(taken.address())));
  }
  const Outcome worker =
      RunProgram({GRADLOOM_WORKER, "--coordinator", "127.0.0.1:1", "--metrics", taken.address()},
                 folder_ / "log");
  EXPECT_EQ(worker.code, 2);
  EXPECT_THAT(worker.output, AllOf(HasSubstr("--metrics"), HasSubstr(taken.address())));
}

// A coordinator of another version.
class Refusing final : public v1::WorkerService::Service {
  grpc::Status Connect(grpc::ServerContext*,
                       grpc::ServerReaderWriter<v1::ToWorker, v1::FromWorker>* stream) override {
    v1::FromWorker hello;
    stream->Read(&hello);
    v1::ToWorker answer;
    answer.mutable_refusal()->set_reason(absl::StrCat(
        "worker is of version \"", hello.hello().version(), "\", this coordinator of \"9.9.9\""));
    stream->Write(answer);
    return grpc::Status::OK;
  }
};

TEST_F(Errors, AWorkerThatIsRefusedEnds) {
  Refusing service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  const Outcome outcome = RunProgram(
      {GRADLOOM_WORKER, "--coordinator", absl::StrCat("127.0.0.1:", port), "--metrics", ""},
      folder_ / "log");
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("refuses"), HasSubstr("9.9.9")));
}

TEST_F(Errors, AWorkerOfAnotherVersionIsRefused) {
  const Cluster cluster(folder_);
  const auto stub = v1::WorkerService::NewStub(MakeChannel(cluster.address()));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  const auto stream = stub->Connect(&context);
  v1::FromWorker hello;
  hello.mutable_hello()->set_worker("old");
  hello.mutable_hello()->set_version("0.0.1-old");
  stream->Write(hello);
  v1::ToWorker answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_FALSE(answer.refusal().retry());
  EXPECT_THAT(answer.refusal().reason(), AllOf(HasSubstr("0.0.1-old"), HasSubstr("version")));
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(Errors, AWorkerWithOtherDataIsNotUsed) {
  for (const char* place : {"here", "there"}) {
    std::filesystem::create_directories(folder_ / place);
  }
  WriteText(folder_ / "here" / "data.csv", "1,2,0\n3,4,1\n5,6,0\n7,8,1\n");
  WriteText(folder_ / "there" / "data.csv", "1,2,0\n3,5,1\n5,6,0\n7,8,1\n");
  WriteText(folder_ / "run.yaml", absl::StrCat("data: {train: {csv: {file: data.csv}}}\n", kRest));
  Cluster cluster(folder_, {"--data-folder", folder_ / "here"});
  for (const char* name : {"a", "b"}) cluster.AddWorker(name, {"--data-folder", folder_ / "there"});
  const Outcome outcome = cluster.Gradloom({"submit", folder_ / "run.yaml", "--watch"});
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("data.train"), HasSubstr("checksum"),
                                    HasSubstr("same data"), HasSubstr("--data-folder")));
}

}  // namespace
}  // namespace gradloom
