// A program's HTTP endpoint: /metrics (Prometheus text), /healthz, and pages a program adds. On
// civetweb. Thread-safe; handlers run on the server's threads.
#ifndef GRADLOOM_PROTO_OPS_HTTP_ENDPOINT_H_
#define GRADLOOM_PROTO_OPS_HTTP_ENDPOINT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "prometheus/collectable.h"

namespace gradloom {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body{};
};

class HttpEndpoint {
 public:
  // A page for GET (and HEAD): everything below `path` that no longer path claims.
  struct Page {
    std::string path;  // "/", "/runs"
    // Gets the part of the path behind Page::path ("" or "/...") and the query ("" when none).
    std::function<HttpResponse(absl::string_view rest, absl::string_view query)> handle;
  };
  struct Options {
    std::string address{};        // HOST:PORT; port 0 takes a free one; host "" or "*": all
    std::string flag = "--http";  // what errors call the address
    std::vector<std::shared_ptr<prometheus::Collectable>> collectables{};  // of /metrics
    // /healthz: 200 "ok" while OK, else 503 and the message.
    std::function<absl::Status()> health{};
    std::vector<Page> pages{};
  };

  // InvalidArgument when the address is malformed, AlreadyExists when the port is in use or cannot
  // be had; both name the flag and the address.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Start(Options options);
  // Stops the server; handlers under way end first.
  ~HttpEndpoint();

  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  int port() const { return port_; }
  // HOST:PORT with the port that was taken.
  std::string address() const;

 private:
  struct Server;
  HttpEndpoint() = default;

  std::unique_ptr<Server> server_;
  std::string host_;
  int port_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_HTTP_ENDPOINT_H_
