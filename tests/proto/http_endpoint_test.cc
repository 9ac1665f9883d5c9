#include "proto/ops/http_endpoint.h"

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/counter.h"
#include "prometheus/registry.h"
#include "proto/ops/address.h"
#include "proto/ops/port_file.h"
#include "proto/ops/version.h"
#include "tests/proto/http_client.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

HttpAnswer Ask(int port, const std::string& method, const std::string& path) {
  return HttpAsk("127.0.0.1", port, method, path);
}

TEST(HttpEndpoint, ServesMetricsHealthAndPages) {
  auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter()
      .Name("gradloom_test_total")
      .Help("x")
      .Register(*registry)
      .Add({})
      .Increment(3);
  absl::Status health = absl::OkStatus();
  auto endpoint = HttpEndpoint::Start(
      {.address = "127.0.0.1:0",
       .collectables = {registry},
       .health = [&] { return health; },
       .pages = {{"/runs", [](absl::string_view rest, absl::string_view query) {
                    return HttpResponse{.body = absl::StrCat("rest=", rest, " query=", query)};
                  }}}});
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  const int port = (*endpoint)->port();
  EXPECT_GT(port, 0);
  EXPECT_EQ((*endpoint)->address(), absl::StrCat("127.0.0.1:", port));

  EXPECT_THAT(Ask(port, "GET", "/metrics").body, HasSubstr("gradloom_test_total 3"));
  EXPECT_EQ(Ask(port, "GET", "/healthz").status, 200);
  health = absl::UnavailableError("not connected");
  const HttpAnswer sick = Ask(port, "GET", "/healthz");
  EXPECT_EQ(sick.status, 503);
  EXPECT_EQ(sick.body, "not connected\n");
  EXPECT_EQ(Ask(port, "GET", "/runs/7?x=1").body, "rest=/7 query=x=1");
  EXPECT_EQ(Ask(port, "HEAD", "/healthz").body, "");
  EXPECT_EQ(Ask(port, "POST", "/healthz").status, 405);
  EXPECT_EQ(Ask(port, "GET", "/metrics/x").status, 404);
  EXPECT_EQ(Ask(port, "GET", "/nothing").status, 404);
}

TEST(HttpEndpoint, OnlyRequestsAreAnsweredWithPages) {
  auto endpoint = HttpEndpoint::Start({.address = "127.0.0.1:0"});
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  const auto answer = [&](const std::string& request) {
    const HttpConnection connection("127.0.0.1", (*endpoint)->port());
    connection.Send(request);
    return connection.ReadAll().substr(0, 12);
  };
  EXPECT_EQ(answer("GET http://127.0.0.1/healthz?x HTTP/1.1\r\n\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(answer("\x16\x03\x01 TLS, say\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(answer("GET /healthz\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(answer("GET / HTTP/2.0\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(answer("GET /" + std::string(9000, 'x') + " HTTP/1.1\r\n\r\n"), "HTTP/1.1 431");
  EXPECT_EQ(answer("POST /healthz HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"), "HTTP/1.1 405");
  EXPECT_EQ(answer("GET /healthzz HTTP/1.1\r\n\r\n"), "HTTP/1.1 404");
}

TEST(HttpEndpoint, F11_SilentAndSlowClientsDelayNobody) {
  // Much more than fits into the buffers between: the slow reader's answer stays under way.
  const std::string large(16 << 20, 'x');
  auto endpoint = HttpEndpoint::Start(
      {.address = "127.0.0.1:0",
       .pages = {{"/large", [&](auto, auto) { return HttpResponse{.body = large}; }}}});
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  const int port = (*endpoint)->port();
  // None of them is closed before the end of the test.
  std::vector<std::unique_ptr<HttpConnection>> others;
  for (int i = 0; i < 100; ++i) {
    others.push_back(std::make_unique<HttpConnection>("127.0.0.1", port));
    ASSERT_TRUE(others.back()->connected());
    if (i % 3 == 1) others.back()->Send("GET /healthz HT");  // no end of it
    if (i % 33 == 2) others.back()->Send("GET /large HTTP/1.0\r\n\r\n");
  }
  EXPECT_EQ(Ask(port, "GET", "/healthz").status, 200);
  // A request in pieces is a request.
  others[1]->Send("TP/1.0\r\n");
  others[1]->Send("\r\n");
  EXPECT_THAT(others[1]->ReadAll(), HasSubstr("200 OK"));
}

TEST(HttpEndpoint, F11_TheOldestClientsMakeRoom) {
  auto endpoint = HttpEndpoint::Start({.address = "127.0.0.1:0"});
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  const int port = (*endpoint)->port();
  std::vector<std::unique_ptr<HttpConnection>> silent;
  for (size_t i = 0; i < 2 * HttpEndpoint::kConnectionsMax; ++i) {
    silent.push_back(std::make_unique<HttpConnection>("127.0.0.1", port));
    ASSERT_TRUE(silent.back()->connected());
  }
  EXPECT_EQ(Ask(port, "GET", "/healthz").status, 200);
  EXPECT_EQ(silent.front()->ReadAll(), "");  // closed long before its time
}

TEST(HttpEndpoint, F12_ServesIpv6) {
  auto endpoint = HttpEndpoint::Start({.address = "[::1]:0", .flag = "--metrics"});
  if (!endpoint.ok()) GTEST_SKIP() << "no IPv6 here: " << endpoint.status();
  EXPECT_EQ((*endpoint)->address(), absl::StrCat("[::1]:", (*endpoint)->port()));
  EXPECT_EQ(HttpAsk("::1", (*endpoint)->port(), "GET", "/healthz").status, 200);
}

TEST(HttpEndpoint, F12_AllAddressesAreServed) {
  for (const char* address : {"*:0", ":0", "0.0.0.0:0", "localhost:0"}) {
    auto endpoint = HttpEndpoint::Start({.address = address, .flag = "--metrics"});
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    EXPECT_EQ(Ask((*endpoint)->port(), "GET", "/healthz").status, 200) << address;
    // What is printed may be given again.
    EXPECT_EQ(CheckListenAddress((*endpoint)->address()), "");
  }
}

TEST(HttpEndpoint, PortInUseIsAClearError) {
  auto first = HttpEndpoint::Start({.address = "127.0.0.1:0"});
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string address = absl::StrCat("127.0.0.1:", (*first)->port());
  const auto second = HttpEndpoint::Start({.address = address, .flag = "--metrics"});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(std::string(second.status().message()),
            absl::StrCat("--metrics: '", address,
                         "' cannot be listened on: Address already in use; give another port, or 0 "
                         "for any free one"));
}

TEST(HttpEndpoint, MalformedAddressesNameTheFlag) {
  for (const char* address : {"", "localhost", "localhost:http", "h:70000", "a:1,b:2"}) {
    const auto endpoint = HttpEndpoint::Start({.address = address, .flag = "--metrics"});
    ASSERT_FALSE(endpoint.ok()) << address;
    EXPECT_THAT(std::string(endpoint.status().message()),
                HasSubstr(absl::StrCat("--metrics: '", address, "' is no address")));
  }
}

TEST(PortFile, HoldsThePortOrNamesThePath) {
  const std::string path = testing::TempDir() + "/gradloom_port_file";
  ASSERT_TRUE(WritePortFile(path, 4711).ok());
  int port = 0;
  std::ifstream(path) >> port;
  EXPECT_EQ(port, 4711);
  const absl::Status bad = WritePortFile("/nowhere/at/all", 1);
  EXPECT_THAT(std::string(bad.message()), HasSubstr("'/nowhere/at/all' cannot be written"));
}

TEST(Version, HasThreeNumbers) { EXPECT_THAT(Version(), MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+")); }

}  // namespace
}  // namespace gradloom
