#include "proto/ops/http_endpoint.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "civetweb.h"
#include "prometheus/text_serializer.h"

namespace gradloom {

struct HttpEndpoint::Server {
  Options options;
  mg_context* context = nullptr;
  bool library = false;
  std::string last_error;  // of civetweb, while it starts

  std::string host;  // to reach it from here
  int port = 0;

  ~Server() {
    if (context != nullptr) Stop();
    if (library) mg_exit_library();
  }

  // civetweb's accepting thread looks up every two seconds only; connections wake it.
  void Stop() {
    std::jthread waker([this](const std::stop_token& stopped) {
      while (!stopped.stop_requested()) {
        char error[100];
        mg_connection* connection = mg_connect_client(host.c_str(), port, 0, error, sizeof(error));
        if (connection == nullptr) return;
        mg_close_connection(connection);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
    mg_stop(context);
  }
};

namespace {

using Page = HttpEndpoint::Page;

void Send(mg_connection* connection, const HttpResponse& response, bool with_body) {
  const char* reason = mg_get_response_code_text(connection, response.status);
  const std::string head = absl::StrCat(
      "HTTP/1.1 ", response.status, " ", reason, "\r\nContent-Type: ", response.content_type,
      "\r\nContent-Length: ", response.body.size(),
      "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n");
  mg_write(connection, head.data(), head.size());
  if (with_body) mg_write(connection, response.body.data(), response.body.size());
}

int HandlePage(mg_connection* connection, void* data) {
  const Page& page = *static_cast<const Page*>(data);
  const mg_request_info& request = *mg_get_request_info(connection);
  const absl::string_view method = request.request_method;
  if (method != "GET" && method != "HEAD") {
    Send(connection, {.status = 405, .body = "method not allowed; legal: GET, HEAD\n"}, true);
    return 405;
  }
  absl::string_view rest = request.local_uri;
  const size_t prefix = page.path == "/" ? 0 : page.path.size();
  rest.remove_prefix(std::min(prefix, rest.size()));
  const HttpResponse response =
      page.handle(rest, request.query_string == nullptr ? "" : request.query_string);
  Send(connection, response, method == "GET");
  return response.status;
}

HttpResponse Metrics(const HttpEndpoint::Options& options, absl::string_view rest) {
  if (!rest.empty()) return {.status = 404, .body = "not found\n"};
  std::vector<prometheus::MetricFamily> families;
  for (const auto& collectable : options.collectables) {
    for (auto& family : collectable->Collect()) families.push_back(std::move(family));
  }
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = prometheus::TextSerializer().Serialize(families)};
}

HttpResponse Health(const HttpEndpoint::Options& options, absl::string_view rest) {
  if (!rest.empty()) return {.status = 404, .body = "not found\n"};
  const absl::Status status = options.health ? options.health() : absl::OkStatus();
  if (status.ok()) return {.body = "ok\n"};
  return {.status = 503, .body = absl::StrCat(std::string(status.message()), "\n")};
}

// HOST:PORT, [IPV6]:PORT, :PORT or *:PORT.
absl::Status Split(absl::string_view flag, absl::string_view address, std::string& host,
                   int& port) {
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port < 0 || port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat(
        flag, " '", address, "' is no address; legal: HOST:PORT with a port from 0 to 65535"));
  }
  host = std::string(address.substr(0, colon));
  if (host == "*" || host == "0.0.0.0") host.clear();
  if (host.find_first_of(", ") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " '", address, "' is no address; legal: one HOST:PORT"));
  }
  return absl::OkStatus();
}

int KeepLastError(const mg_connection* connection, const char* message) {
  // During mg_start there is no request: the user data is the server.
  auto* last = static_cast<std::string*>(mg_get_user_data(mg_get_context(connection)));
  if (last != nullptr && last->empty()) *last = message;
  return 1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(Options options) {
  std::unique_ptr<HttpEndpoint> endpoint(new HttpEndpoint());
  int port = 0;
  absl::Status status = Split(options.flag, options.address, endpoint->host_, port);
  if (!status.ok()) return status;

  endpoint->server_ = std::make_unique<Server>();
  Server& server = *endpoint->server_;
  server.options = std::move(options);
  const Options& kept = server.options;
  server.options.pages.push_back(
      {"/metrics", [&kept](auto rest, auto) { return Metrics(kept, rest); }});
  server.options.pages.push_back(
      {"/healthz", [&kept](auto rest, auto) { return Health(kept, rest); }});

  mg_init_library(0);
  server.library = true;
  const std::string where =
      endpoint->host_.empty() ? absl::StrCat(port) : absl::StrCat(endpoint->host_, ":", port);
  const char* settings[] = {
      "listening_ports", where.c_str(),       "num_threads", "4",    "request_timeout_ms",
      "10000",           "enable_keep_alive", "no",          nullptr};
  mg_callbacks callbacks{};
  callbacks.log_message = KeepLastError;
  server.context = mg_start(&callbacks, &server.last_error, settings);
  if (server.context == nullptr) {
    return absl::AlreadyExistsError(
        absl::StrCat(kept.flag, " '", kept.address, "' cannot be listened on: ",
                     server.last_error.empty() ? "the port may be in use" : server.last_error,
                     "; give another port, or 0 for any free one"));
  }
  mg_server_port taken[4]{};
  if (mg_get_server_ports(server.context, 4, taken) < 1) {
    return absl::InternalError("the HTTP server does not tell its port");
  }
  endpoint->port_ = taken[0].port;
  server.port = endpoint->port_;
  server.host = endpoint->host_.empty() ? "127.0.0.1" : endpoint->host_;
  for (Page& page : server.options.pages) {
    mg_set_request_handler(server.context, page.path.c_str(), HandlePage, &page);
  }
  return endpoint;
}

HttpEndpoint::~HttpEndpoint() = default;

std::string HttpEndpoint::address() const {
  return absl::StrCat(host_.empty() ? "0.0.0.0" : host_, ":", port_);
}

}  // namespace gradloom
