#include "proto/ops/http_endpoint.h"

#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "civetweb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/counter.h"
#include "prometheus/registry.h"
#include "proto/ops/port_file.h"
#include "proto/ops/version.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

struct Answer {
  int status = 0;
  std::string body;
};

Answer Ask(int port, const std::string& method, const std::string& path) {
  char error[200] = "";
  mg_connection* connection = mg_download("127.0.0.1", port, 0, error, sizeof(error),
                                          "%s %s HTTP/1.0\r\n\r\n", method.c_str(), path.c_str());
  EXPECT_NE(connection, nullptr) << error;
  if (connection == nullptr) return {};
  Answer answer;
  answer.status = mg_get_response_info(connection)->status_code;
  char buffer[4096];
  for (int n; (n = mg_read(connection, buffer, sizeof(buffer))) > 0;) answer.body.append(buffer, n);
  mg_close_connection(connection);
  return answer;
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
  const Answer sick = Ask(port, "GET", "/healthz");
  EXPECT_EQ(sick.status, 503);
  EXPECT_EQ(sick.body, "not connected\n");
  EXPECT_EQ(Ask(port, "GET", "/runs/7?x=1").body, "rest=/7 query=x=1");
  EXPECT_EQ(Ask(port, "HEAD", "/healthz").body, "");
  EXPECT_EQ(Ask(port, "POST", "/healthz").status, 405);
  EXPECT_EQ(Ask(port, "GET", "/metrics/x").status, 404);
  EXPECT_EQ(Ask(port, "GET", "/nothing").status, 404);
}

TEST(HttpEndpoint, PortInUseIsAClearError) {
  auto first = HttpEndpoint::Start({.address = "127.0.0.1:0"});
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string address = absl::StrCat("127.0.0.1:", (*first)->port());
  const auto second = HttpEndpoint::Start({.address = address, .flag = "--metrics"});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("--metrics '" + address + "'"));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
}

TEST(HttpEndpoint, MalformedAddressesNameTheFlag) {
  for (const char* address : {"", "localhost", "localhost:http", "h:70000", "a:1,b:2"}) {
    const auto endpoint = HttpEndpoint::Start({.address = address, .flag = "--metrics"});
    ASSERT_FALSE(endpoint.ok()) << address;
    EXPECT_THAT(std::string(endpoint.status().message()),
                HasSubstr(absl::StrCat("--metrics '", address, "' is no address")));
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
