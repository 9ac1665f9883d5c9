// Which channels go by way of a proxy, on real connections: the proxy is a socket of ours.
#include "proto/ops/channel.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gradloom/v1/training.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "proto/ops/listener.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

class ChannelTest : public testing::Test {
 protected:
  ChannelTest() { Forget(); }
  ~ChannelTest() override { Forget(); }

  static void Forget() {
    for (const char* name :
         {"grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy"}) {
      unsetenv(name);
    }
  }
  static grpc::Status List(const std::string& address) {
    const auto stub = v1::TrainingService::NewStub(MakeChannel(address));
    grpc::ClientContext context;
    v1::ListRunsResponse response;
    return stub->ListRuns(&context, {}, &response);
  }
};

TEST_F(ChannelTest, F09_LoopbackNeedsNoProxy) {
  v1::TrainingService::Service service;  // says UNIMPLEMENTED, so it was reached
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  for (const char* name : {"grpc_proxy", "https_proxy", "http_proxy"}) {
    Forget();
    setenv(name, "http://127.0.0.1:1", 1);  // nobody is there
    for (const char* host : {"127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]"}) {
      EXPECT_EQ(List(absl::StrCat(host, ":", port)).error_code(), grpc::StatusCode::UNIMPLEMENTED)
          << name << " " << host;
    }
  }
}

TEST_F(ChannelTest, F09_OtherHostsAreAskedOfTheProxy) {
  auto listener = Listener::Open({"127.0.0.1", 0});
  ASSERT_TRUE(listener.ok()) << listener.status();
  const int listening = listener->Release()[0];
  std::string request;
  std::thread proxy([&] {
    const int client = accept(listening, nullptr, nullptr);
    char piece[1024];
    for (ssize_t n; request.find("\r\n\r\n") == std::string::npos &&
                    (n = read(client, piece, sizeof(piece))) > 0;) {
      request.append(piece, static_cast<size_t>(n));
    }
    close(client);
  });
  setenv("http_proxy", absl::StrCat("http://127.0.0.1:", listener->port()).c_str(), 1);
  EXPECT_FALSE(List("coordinator.invalid:7070").ok());
  proxy.join();
  close(listening);
  EXPECT_THAT(request, HasSubstr("CONNECT coordinator.invalid:7070 HTTP/1.1\r\n"));
}

TEST_F(ChannelTest, F09_TheUsualVariablesHold) {
  EXPECT_EQ(ProxyVariable("example:1"), "");
  setenv("http_proxy", "http://proxy:3128", 1);
  EXPECT_EQ(ProxyVariable("example:1"), "http_proxy");
  EXPECT_EQ(ProxyVariable("[2001:db8::1]:1"), "http_proxy");
  EXPECT_EQ(ProxyVariable("[::1]:1"), "");
  setenv("https_proxy", "http://proxy:3128", 1);
  EXPECT_EQ(ProxyVariable("example:1"), "https_proxy");
  setenv("grpc_proxy", "", 1);  // for gRPC: none
  EXPECT_EQ(ProxyVariable("example:1"), "");
  unsetenv("grpc_proxy");
  setenv("no_proxy", "other, .example.org,host-1", 1);
  EXPECT_EQ(ProxyVariable("a.example.org:1"), "");
  EXPECT_EQ(ProxyVariable("HOST-1:1"), "");
  EXPECT_EQ(ProxyVariable("example.org:1"), "https_proxy");
  setenv("no_grpc_proxy", "*", 1);
  EXPECT_EQ(ProxyVariable("example.org:1"), "");
}

}  // namespace
}  // namespace gradloom
