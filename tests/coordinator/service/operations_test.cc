// The coordinator's program as an operator meets it: the standard gRPC health service, reflection,
// and the HTTP endpoint, on a real process.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gradloom/v1/training.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

std::string Text(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Dump(&slices).ok()) return text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

std::string HttpGet(const std::string& address, const std::string& path) {
  const size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  std::string answer;
  if (connect(connection, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) {
    const std::string request =
        absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: ", address, "\r\n\r\n");
    if (write(connection, request.data(), request.size()) > 0) {
      std::array<char, 4096> piece;
      for (ssize_t n; (n = read(connection, piece.data(), piece.size())) > 0;) {
        answer.append(piece.data(), static_cast<size_t>(n));
      }
    }
  }
  close(connection);
  return answer;
}

class OperationsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(testing::TempDir(), "/operations-", getpid());
    port_file_ = folder_ + "-ports.json";
    std::remove(port_file_.c_str());
    process_ = fork();
    if (process_ == 0) {
      const std::string state = folder_ + "-state";
      execl(GRADLOOM_COORDINATOR, GRADLOOM_COORDINATOR, "--listen", "127.0.0.1:0", "--metrics",
            "127.0.0.1:0", "--state", state.c_str(), "--port-file", port_file_.c_str(),
            "--log-level", "error", nullptr);
      _exit(127);
    }
    // The file appears whole, by a rename.
    for (std::string json; json.empty();) {
      ASSERT_EQ(waitpid(process_, nullptr, WNOHANG), 0) << "the coordinator has ended";
      std::ifstream file(port_file_);
      std::stringstream text;
      text << file.rdbuf();
      json = text.str();
      if (json.empty()) {
        std::this_thread::yield();
        continue;
      }
      google::protobuf::Struct ports;
      ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &ports).ok()) << json;
      listen_ = ports.fields().at("listen").string_value();
      metrics_ = ports.fields().at("metrics").string_value();
    }
    channel_ = grpc::CreateChannel(listen_, grpc::InsecureChannelCredentials());
  }

  void TearDown() override {
    kill(process_, SIGTERM);
    int status = 0;
    waitpid(process_, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "SIGTERM stops it gracefully";
  }

  // One request, the first answer.
  std::string Call(const std::string& method, const std::string& request) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareCall(&context, method, &queue);
    void* tag = nullptr;
    bool ok = false;
    call->StartCall(nullptr);
    queue.Next(&tag, &ok);
    call->Write(Bytes(request), nullptr);
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
    return Text(answer);
  }

  std::string folder_, port_file_, listen_, metrics_;
  std::shared_ptr<grpc::Channel> channel_;
  pid_t process_ = 0;
};

TEST_F(OperationsTest, AnswersHealthReflectionMetricsAndErrors) {
  // HealthCheckResponse{status: SERVING}
  EXPECT_EQ(Call("/grpc.health.v1.Health/Check", ""), std::string("\x08\x01"));
  // ServerReflectionRequest{list_services: ""}
  const std::string services =
      Call("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", {"\x3a\x00", 2});
  EXPECT_THAT(services, HasSubstr("gradloom.v1.TrainingService"));
  EXPECT_THAT(services, HasSubstr("gradloom.v1.WorkerService"));

  EXPECT_THAT(HttpGet(metrics_, "/healthz"), HasSubstr("200"));
  const std::string metrics = HttpGet(metrics_, "/metrics");
  EXPECT_THAT(metrics, HasSubstr("gradloom_coordinator_workers 0"));
  EXPECT_THAT(metrics, HasSubstr("gradloom_coordinator_round_seconds_bucket"));

  const auto training = v1::TrainingService::NewStub(channel_);
  grpc::ClientContext context;
  v1::GetRunRequest request;
  request.set_run(42);
  v1::GetRunResponse response;
  const grpc::Status status = training->GetRun(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("no run 42"));
}

}  // namespace
}  // namespace gradloom
