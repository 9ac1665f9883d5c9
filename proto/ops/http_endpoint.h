// A program's HTTP endpoint: /metrics (Prometheus text), /healthz, and pages a program adds; GET
// and HEAD, a request a connection. One thread serves all and waits for nobody: clients that are
// silent, send or read slowly are cut off after some seconds, or earlier when others need their
// place.
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
#include "proto/ops/address.h"

namespace gradloom {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body{};
};

class HttpEndpoint {
 public:
  // Of connections at a time: a further one takes the place of the oldest.
  static constexpr size_t kConnectionsMax = 128;

  // A page: everything below `path` that no longer path claims.
  struct Page {
    std::string path;  // "/", "/runs"
    // Gets the part of the path behind Page::path ("" or "/...") and the query ("" when none), as
    // they were sent. Called on the server's thread, which it holds up.
    std::function<HttpResponse(absl::string_view rest, absl::string_view query)> handle;
  };
  struct Options {
    std::string address{};        // see ParseAddress
    std::string flag = "--http";  // what errors call the address
    std::vector<std::shared_ptr<prometheus::Collectable>> collectables{};  // of /metrics
    // /healthz: 200 "ok" while OK, else 503 and the message.
    std::function<absl::Status()> health{};
    std::vector<Page> pages{};
  };

  // InvalidArgument when the address is malformed, otherwise the errors of Listener::Open; all name
  // the flag.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Start(Options options);
  // A handler under way ends first; clients are cut off.
  ~HttpEndpoint();

  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  int port() const { return address_.port; }
  // HOST:PORT with the port that was taken.
  std::string address() const { return address_.ToString(); }

 private:
  class Server;
  HttpEndpoint(Address address, std::unique_ptr<Server> server);

  Address address_;
  std::unique_ptr<Server> server_;
};

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_HTTP_ENDPOINT_H_
