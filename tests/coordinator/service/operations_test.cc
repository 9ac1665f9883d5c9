// The programs as an operator meets them: the standard gRPC health service, reflection, the HTTP
// endpoint, addresses, logs, locks, signals and limits, on real processes.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gradloom/v1/training.grpc.pb.h"
#include "gradloom/v1/worker.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "proto/ops/address.h"
#include "proto/ops/channel.h"
#include "proto/ops/listener.h"
#include "proto/ops/version.h"
#include "tests/end_to_end/process.h"
#include "tests/proto/http_client.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

using Words = std::vector<std::string>;

// A coordinator that is ready, or the test has failed.
class Coordinator {
 public:
  Coordinator(const TestFolder& folder, const std::string& state, const Words& flags = {},
              const Words& launcher = {}) {
    const std::string ports = folder / (state + "-ports.json");
    std::filesystem::remove(ports);
    Words argv = launcher;
    argv.insert(argv.end(),
                {GRADLOOM_COORDINATOR, "--state", folder / state, "--port-file", ports});
    argv.insert(argv.end(), flags.begin(), flags.end());
    for (const char* flag : {"--listen", "--metrics"}) {
      if (std::find(flags.begin(), flags.end(), flag) == flags.end()) {
        argv.insert(argv.end(), {flag, "127.0.0.1:0"});
      }
    }
    process_ = std::make_unique<Process>(argv, folder / (state + ".log"));
    EXPECT_TRUE(Await([&] { return std::filesystem::exists(ports) || process_->Ended(); }));
    google::protobuf::Struct read;
    const std::string json = ReadText(ports);
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &read).ok())
        << json << process_->Output();
    listen = (*read.mutable_fields())["listen"].string_value();
    metrics = (*read.mutable_fields())["metrics"].string_value();
  }

  Process& process() { return *process_; }
  HttpAnswer Get(const std::string& path) const {
    const auto address = ParseAddress(metrics, AddressUse::kDial);
    if (!address.ok()) return {};
    return HttpAsk(address->host, address->port, "GET", path);
  }

  std::string listen, metrics;

 private:
  std::unique_ptr<Process> process_;
};

class OperationsTest : public testing::Test {
 protected:
  Outcome Gradloom(Words words, const std::string& coordinator) const {
    words.insert(words.begin(), GRADLOOM);
    words.insert(words.end(), {"--coordinator", coordinator});
    return RunProgram(words, folder_ / "client.log");
  }
  // A run that waits for workers.
  void Submit(const Coordinator& coordinator) const {
    WriteText(folder_ / "run.yaml", "data: {train: glyphs}\nworkload: softmax_regression\n");
    const Outcome outcome = Gradloom({"submit", folder_ / "run.yaml"}, coordinator.listen);
    ASSERT_EQ(outcome.code, 0) << outcome.output;
  }
  std::unique_ptr<Process> Worker(const std::string& coordinator, const Words& flags) const {
    Words argv = {GRADLOOM_WORKER, "--coordinator", coordinator};
    argv.insert(argv.end(), flags.begin(), flags.end());
    return std::make_unique<Process>(argv, folder_ / "worker.log");
  }

  TestFolder folder_;
};

// One request, the first answer.
std::string Call(const std::string& address, const std::string& method,
                 const std::string& request) {
  grpc::GenericStub stub(MakeChannel(address));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareCall(&context, method, &queue);
  void* tag = nullptr;
  bool ok = false;
  call->StartCall(nullptr);
  queue.Next(&tag, &ok);
  const grpc::Slice slice(request);
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  queue.Next(&tag, &ok);
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  queue.Next(&tag, &ok);
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!answer.Dump(&slices).ok()) return text;
  for (const grpc::Slice& piece : slices) {
    text.append(reinterpret_cast<const char*>(piece.begin()), piece.size());
  }
  return text;
}

TEST_F(OperationsTest, AnswersHealthReflectionMetricsAndErrors) {
  Coordinator coordinator(folder_, "state");
  // HealthCheckResponse{status: SERVING}
  EXPECT_EQ(Call(coordinator.listen, "/grpc.health.v1.Health/Check", ""), "\x08\x01");
  // ServerReflectionRequest{list_services: ""}
  const std::string services =
      Call(coordinator.listen, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
           {"\x3a\x00", 2});
  EXPECT_THAT(services, HasSubstr("gradloom.v1.TrainingService"));
  EXPECT_THAT(services, HasSubstr("gradloom.v1.WorkerService"));

  EXPECT_EQ(coordinator.Get("/healthz").status, 200);
  const std::string metrics = coordinator.Get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("gradloom_coordinator_workers 0"));
  EXPECT_THAT(metrics, HasSubstr("gradloom_coordinator_round_seconds_bucket"));

  const auto training = v1::TrainingService::NewStub(MakeChannel(coordinator.listen));
  grpc::ClientContext context;
  v1::GetRunRequest request;
  request.set_run(42);
  v1::GetRunResponse response;
  const grpc::Status status = training->GetRun(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("no run 42"));
  coordinator.process().Signal(SIGTERM);
  EXPECT_EQ(coordinator.process().Wait(), 0) << "SIGTERM stops it gracefully";
}

TEST_F(OperationsTest, F12_AllAddressesMayBeIpv6) {
  if (!Listener::Open({"::1", 0}).ok()) GTEST_SKIP() << "no IPv6 on this machine";
  Coordinator coordinator(folder_, "state", {"--listen", "[::1]:0", "--metrics", "[::1]:0"});
  EXPECT_THAT(coordinator.listen, testing::StartsWith("[::1]:"));
  EXPECT_EQ(coordinator.Get("/healthz").status, 200);
  const Outcome list = Gradloom({"list"}, coordinator.listen);
  EXPECT_EQ(list.code, 0) << list.output;
  const std::string port_file = folder_ / "port";
  const auto worker =
      Worker(coordinator.listen, {"--metrics", "[::1]:0", "--metrics-port-file", port_file});
  EXPECT_TRUE(Await([&] {
    int port = 0;
    return absl::SimpleAtoi(ReadText(port_file), &port) &&
           HttpAsk("::1", port, "GET", "/healthz").status == 200;
  })) << worker->Output();
}

TEST_F(OperationsTest, F12_WhatIsPrintedCanBeDialled) {
  Coordinator coordinator(folder_, "state", {"--listen", "*:0", "--metrics", ":0"});
  const Outcome list = Gradloom({"list"}, coordinator.listen);
  EXPECT_EQ(list.code, 0) << coordinator.listen << " " << list.output;
  EXPECT_EQ(coordinator.Get("/healthz").status, 200) << coordinator.metrics;
  const std::string port = coordinator.listen.substr(coordinator.listen.rfind(':'));
  EXPECT_EQ(Gradloom({"list"}, "127.0.0.1" + port).code, 0);
}

TEST_F(OperationsTest, F12_WrongAddressesAreRefusedAlike) {
  const Words cases[] = {{GRADLOOM_COORDINATOR, "--listen", "example"},
                         {GRADLOOM_COORDINATOR, "--metrics", "example"},
                         {GRADLOOM_WORKER, "--coordinator", "example"},
                         {GRADLOOM_WORKER, "--coordinator", "x:1", "--metrics", "example"},
                         {GRADLOOM, "list", "--coordinator", "example"}};
  for (const Words& argv : cases) {
    const Outcome outcome = RunProgram(argv, folder_ / "program.log");
    EXPECT_EQ(outcome.code, 2) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr(absl::StrCat(argv[argv.size() - 2],
                                                       ": 'example' is no address: it has "
                                                       "no port; did you mean example:7070?")));
  }
}

TEST_F(OperationsTest, F15_ACoordinatorHasItsFolderForItself) {
  Coordinator first(folder_, "state");
  Submit(first);
  const std::string record = ReadText(folder_ / "state/runs/1/run.json");
  EXPECT_FALSE(record.empty());
  const Outcome second = RunProgram({GRADLOOM_COORDINATOR, "--state", folder_ / "state", "--listen",
                                     "127.0.0.1:0", "--metrics", ""},
                                    folder_ / "second.log");
  EXPECT_EQ(second.code, 1);
  EXPECT_THAT(second.output, AllOf(HasSubstr("--state: "), HasSubstr("is in use")));
  EXPECT_EQ(ReadText(folder_ / "state/runs/1/run.json"), record);
  EXPECT_EQ(Gradloom({"status", "1"}, first.listen).code, 0);
}

TEST_F(OperationsTest, F15_ACoordinatorWithoutItsPortsLeavesRunsAlone) {
  {
    Coordinator coordinator(folder_, "state");
    Submit(coordinator);
    coordinator.process().Signal(SIGTERM);
    ASSERT_EQ(coordinator.process().Wait(), 0);
  }
  const std::string record = ReadText(folder_ / "state/runs/1/run.json");
  EXPECT_FALSE(record.empty());
  Coordinator other(folder_, "other");
  const Words flags[] = {{"--listen", other.listen, "--metrics", ""},
                         {"--listen", "127.0.0.1:0", "--metrics", other.listen}};
  for (const Words& taken : flags) {
    Words argv = {GRADLOOM_COORDINATOR, "--state", folder_ / "state"};
    argv.insert(argv.end(), taken.begin(), taken.end());
    const Outcome outcome = RunProgram(argv, folder_ / "second.log");
    EXPECT_EQ(outcome.code, 1);
    EXPECT_THAT(outcome.output,
                HasSubstr("'" + other.listen + "' cannot be listened on: Address already in use"));
    EXPECT_EQ(ReadText(folder_ / "state/runs/1/run.json"), record);
  }
}

size_t Threads(pid_t process) {
  const std::string status = ReadText(absl::StrCat("/proc/", process, "/status"));
  size_t threads = 0;
  const size_t at = status.find("Threads:\t");
  EXPECT_TRUE(absl::SimpleAtoi(status.substr(at + 9, status.find('\n', at) - at - 9), &threads));
  return threads;
}

TEST_F(OperationsTest, F21_WatchersTakeNoThreadEach) {
  Coordinator coordinator(folder_, "state");
  Submit(coordinator);
  const size_t before = Threads(coordinator.process().pid());
  const auto stub = v1::TrainingService::NewStub(MakeChannel(coordinator.listen));
  v1::WatchRequest request;
  request.set_run(1);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::WatchResponse>>> watchers;
  for (int i = 0; i < 300; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    watchers.push_back(stub->Watch(contexts.back().get(), request));
  }
  for (const auto& watcher : watchers) {
    v1::WatchResponse response;
    ASSERT_TRUE(watcher->Read(&response));
    EXPECT_EQ(response.status().state(), v1::WAITING);
  }
  EXPECT_LT(Threads(coordinator.process().pid()), before + 50);
  // All are told of the end.
  EXPECT_EQ(Gradloom({"cancel", "1"}, coordinator.listen).code, 0);
  for (const auto& watcher : watchers) {
    v1::WatchResponse response;
    v1::RunState last = v1::WAITING;
    while (watcher->Read(&response)) last = response.status().state();
    EXPECT_EQ(last, v1::CANCELLED);
    EXPECT_TRUE(watcher->Finish().ok());
  }
}

// gRPC's own reflection service is one of a thread a stream.
TEST_F(OperationsTest, F21_StreamsThatTakeAThreadAreFew) {
  Coordinator coordinator(folder_, "state");
  const size_t before = Threads(coordinator.process().pid());
  grpc::GenericStub stub(MakeChannel(coordinator.listen));
  grpc::CompletionQueue queue;
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return ok;
  };
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::GenericClientAsyncReaderWriter>> streams;
  int answered = 0;
  for (int i = 0; i < 300; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.push_back(stub.PrepareCall(contexts.back().get(),
                                       "/grpc.reflection.v1alpha.ServerReflection/"
                                       "ServerReflectionInfo",
                                       &queue));
    streams.back()->StartCall(nullptr);
    next();
    const grpc::Slice question(std::string("\x3a\x00", 2));  // list_services: ""
    streams.back()->Write(grpc::ByteBuffer(&question, 1), nullptr);
    next();
    grpc::ByteBuffer answer;
    streams.back()->Read(&answer, nullptr);
    if (next()) ++answered;
  }
  EXPECT_GT(answered, 0);
  EXPECT_LT(answered, 200);
  EXPECT_LT(Threads(coordinator.process().pid()), before + 200);
  for (size_t i = 0; i < streams.size(); ++i) {
    contexts[i]->TryCancel();
    grpc::Status status;
    streams[i]->Finish(&status, nullptr);
    next();
  }
  queue.Shutdown();
  EXPECT_TRUE(Await([&] { return Gradloom({"list"}, coordinator.listen).code == 0; }));
}

TEST_F(OperationsTest, F21_AWorkerCannotForgeLinesOfTheLog) {
  const std::string forged = "w\n2026-11-30T00:00:00.000Z info    forged\x1b[31m";
  for (const char* format : {"text", "json"}) {
    Coordinator coordinator(folder_, format, {"--log-format", format});
    const auto stub = v1::WorkerService::NewStub(MakeChannel(coordinator.listen));
    const auto greet = [&](const std::string& version) {
      grpc::ClientContext context;
      const auto stream = stub->Connect(&context);
      v1::FromWorker message;
      message.mutable_hello()->set_worker(forged);
      message.mutable_hello()->set_version(version);
      message.mutable_hello()->set_isa(forged);
      message.mutable_hello()->set_capacity(1);
      stream->Write(message);
      v1::ToWorker answer;
      stream->Read(&answer);
      v1::FromWorker goodbye;
      goodbye.mutable_goodbye()->set_reason(forged);
      stream->Write(goodbye);
      stream->WritesDone();
      while (stream->Read(&answer)) {
      }
      (void)stream->Finish();
    };
    greet(forged);
    greet(Version());
    EXPECT_TRUE(Await([&] { return absl::StrContains(coordinator.process().Output(), "gone"); }));
    const std::string log = coordinator.process().Output();
    EXPECT_THAT(log, HasSubstr("forged"));
    EXPECT_THAT(log, Not(HasSubstr("\x1b")));
    for (const absl::string_view line : absl::StrSplit(log, '\n')) {
      EXPECT_FALSE(absl::StartsWith(line, "2026-11-30T00:00:00.000Z")) << line;
    }
  }
}

TEST_F(OperationsTest, F21_AllProgramsTakeTheSameLogLevels) {
  for (const char* level : {"warn", "warning", "trace", "off"}) {
    Coordinator coordinator(folder_, level, {"--log-level", level});
    const auto worker =
        Worker("127.0.0.1:1", {"--metrics", "", "--log-level", level, "--reconnect-for", "1ms"});
    EXPECT_EQ(worker->Wait(), 4) << worker->Output();
  }
  for (const char* program : {GRADLOOM_COORDINATOR, GRADLOOM_WORKER}) {
    const Outcome outcome = RunProgram({program, "--coordinator", "x:1", "--log-level", "loud"},
                                       folder_ / "program.log");
    EXPECT_EQ(outcome.code, 2);
  }
}

TEST_F(OperationsTest, F22_PeersThatDoNotAnswerHoldUpNoStop) {
  Coordinator coordinator(folder_, "state");
  Submit(coordinator);
  const std::string port_file = folder_ / "port";
  const auto worker =
      Worker(coordinator.listen, {"--metrics", "127.0.0.1:0", "--metrics-port-file", port_file});
  EXPECT_TRUE(Await([&] {
    int port = 0;
    return absl::SimpleAtoi(ReadText(port_file), &port) &&
           HttpAsk("127.0.0.1", port, "GET", "/healthz").status == 200;
  }));
  worker->Signal(SIGSTOP);
  EXPECT_TRUE(Await([&] { return ProcessState(worker->pid()) == 'T'; }));
  const auto address = ParseAddress(coordinator.listen, AddressUse::kDial);
  const HttpConnection silent(address->host, address->port);
  const HttpConnection greeted(address->host, address->port);
  greeted.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  greeted.Send(std::string("\0\0\0\4\0\0\0\0\0", 9));
  coordinator.process().Signal(SIGTERM);
  EXPECT_EQ(coordinator.process().Wait(), 0) << coordinator.process().Output();
}

TEST_F(OperationsTest, F22_AWorkerStopsWhateverItsCoordinatorDoes) {
  // Somebody listens and never says a word.
  auto listener = Listener::Open({"127.0.0.1", 0});
  ASSERT_TRUE(listener.ok()) << listener.status();
  const auto waiting = Worker(absl::StrCat("127.0.0.1:", listener->port()), {"--metrics", ""});
  EXPECT_TRUE(Await([&] { return absl::StrContains(waiting->Output(), "worker started"); }));
  waiting->Signal(SIGTERM);
  EXPECT_EQ(waiting->Wait(), 0) << waiting->Output();

  Coordinator coordinator(folder_, "state");
  const auto connected = Worker(coordinator.listen, {"--metrics", ""});
  EXPECT_TRUE(Await([&] { return absl::StrContains(connected->Output(), "connected"); }));
  coordinator.process().Signal(SIGSTOP);
  connected->Signal(SIGHUP);
  EXPECT_EQ(connected->Wait(), 0) << connected->Output();
}

// Pending signals are taken in the order of their numbers: SIGHUP first, were it not ignored.
TEST_F(OperationsTest, F10_WhatNohupIgnoresStaysIgnored) {
  Coordinator coordinator(folder_, "state", {},
                          {"/bin/sh", "-c", "trap '' HUP; exec \"$@\"", "sh"});
  coordinator.process().Signal(SIGSTOP);
  for (const int signal : {SIGHUP, SIGTERM, SIGCONT}) coordinator.process().Signal(signal);
  EXPECT_EQ(coordinator.process().Wait(), 0);
  EXPECT_THAT(coordinator.process().Output(), ContainsRegex("stopping +signal=Terminated"));
}

TEST_F(OperationsTest, F20_ADefaultNameIsOneProcesssOwn) {
  std::set<std::string> names;
  for (int i = 0; i < 2; ++i) {
    const auto worker = Worker("127.0.0.1:1", {"--metrics", "", "--reconnect-for", "1ms"});
    const std::string pid = absl::StrCat("-", worker->pid(), "-");
    EXPECT_EQ(worker->Wait(), 4);
    const std::string log = worker->Output();
    EXPECT_THAT(log, ContainsRegex("name=[^ ]+" + pid + "[0-9a-f]{8} "));
    names.insert(log.substr(log.find(pid) + pid.size(), 8));
  }
  EXPECT_EQ(names.size(), 2);  // by chance alike once in four thousand million times
}

TEST_F(OperationsTest, F26_TooFewFilesAreAnErrorAtTheStart) {
  for (const Words& program : {Words{GRADLOOM_COORDINATOR, "--state", folder_ / "state"},
                               Words{GRADLOOM_WORKER, "--coordinator", "127.0.0.1:1"}}) {
    Words argv = {"/bin/sh", "-c", "ulimit -n 16; exec \"$@\"", "sh"};
    argv.insert(argv.end(), program.begin(), program.end());
    const Outcome outcome = RunProgram(argv, folder_ / "program.log");
    EXPECT_GT(outcome.code, 0);
    EXPECT_THAT(outcome.output, HasSubstr("open files, and the limit here is 16; raise it"));
  }
}

}  // namespace
}  // namespace gradloom
