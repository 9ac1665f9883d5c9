#include "proto/ops/http_endpoint.h"

#include <sys/socket.h>

#include <algorithm>
#include <asio.hpp>
#include <chrono>
#include <list>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "prometheus/text_serializer.h"
#include "proto/ops/listener.h"

namespace gradloom {
namespace {

using Page = HttpEndpoint::Page;
using asio::ip::tcp;

constexpr size_t kRequestBytesMax = 8 << 10;
// From the connection's beginning to the request's end; to the end of the answer; to the client's
// farewell.
constexpr std::chrono::seconds kRequestLimit(10), kAnswerLimit(30), kFarewellLimit(2);
// When there is no file descriptor for a connection.
constexpr std::chrono::milliseconds kAcceptPause(100);

absl::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

std::string Serialise(const HttpResponse& response, bool with_body) {
  return absl::StrCat(
      "HTTP/1.1 ", response.status, " ", Reason(response.status),
      "\r\nContent-Type: ", response.content_type, "\r\nContent-Length: ", response.body.size(),
      response.status == 405 ? "\r\nAllow: GET, HEAD" : "",
      "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
      with_body ? response.body : "");
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
  return {.status = 503, .body = absl::StrCat(status.message(), "\n")};
}

bool Claims(const Page& page, absl::string_view path) {
  return page.path == "/" || (absl::StartsWith(path, page.path) &&
                              (path.size() == page.path.size() || path[page.path.size()] == '/'));
}

HttpResponse AnswerPage(const std::vector<Page>& pages, absl::string_view target) {
  // A proxy asks with the whole URL.
  if (absl::ConsumePrefix(&target, "http://")) {
    target.remove_prefix(std::min(target.find('/'), target.size()));
  }
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(target, absl::MaxSplits('?', 1));
  const Page* best = nullptr;
  for (const Page& page : pages) {
    const bool longer = best == nullptr || page.path.size() > best->path.size();
    if (longer && Claims(page, parts.first)) best = &page;
  }
  if (best == nullptr) return {.status = 404, .body = "not found\n"};
  return best->handle(parts.first.substr(best->path == "/" ? 0 : best->path.size()), parts.second);
}

// What the head of a request is answered with.
std::string Answer(const std::vector<Page>& pages, absl::string_view head) {
  const absl::string_view line = head.substr(0, head.find("\r\n"));
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  if (words.size() != 3 || words[1].empty() || !absl::StartsWith(words[2], "HTTP/1.")) {
    return Serialise({.status = 400, .body = "this is no HTTP/1 request\n"}, true);
  }
  if (words[0] != "GET" && words[0] != "HEAD") {
    return Serialise({.status = 405, .body = "method not allowed; legal: GET, HEAD\n"}, true);
  }
  return Serialise(AnswerPage(pages, words[1]), words[0] == "GET");
}

// A client: its request is read, answered, and its farewell awaited, each for so long. Lives while
// something is under way.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const std::vector<Page>& pages)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), pages_(pages) {}

  void Start(std::function<void()> on_end) {
    on_end_ = std::move(on_end);
    Limit(kRequestLimit);
    asio::async_read_until(socket_, asio::dynamic_buffer(request_, kRequestBytesMax), "\r\n\r\n",
                           [self = shared_from_this()](std::error_code error, size_t size) {
                             self->OnRequest(error, size);
                           });
  }

  // What is under way fails then, and ends it.
  void Close() {
    std::error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
  }

 private:
  void Limit(std::chrono::seconds limit) {
    timer_.expires_after(limit);
    timer_.async_wait([weak = weak_from_this()](std::error_code error) {
      const auto self = weak.lock();
      if (!error && self != nullptr) self->Close();
    });
  }

  void OnRequest(std::error_code error, size_t size) {
    if (error == asio::error::not_found) {  // the end of the head, within its limit
      answer_ = Serialise({.status = 431, .body = "the request is too long\n"}, true);
    } else if (error) {
      return End();
    } else {
      answer_ = Answer(pages_, absl::string_view(request_).substr(0, size));
    }
    Limit(kAnswerLimit);
    asio::async_write(
        socket_, asio::buffer(answer_),
        [self = shared_from_this()](std::error_code failed, size_t) { self->OnAnswer(failed); });
  }

  // Closed at once, bytes that nobody read (a POST's) would take the answer with them.
  void OnAnswer(std::error_code error) {
    if (!error) socket_.shutdown(tcp::socket::shutdown_send, error);
    if (error) return End();
    Limit(kFarewellLimit);
    Drain();
  }

  void Drain() {
    request_.resize(kRequestBytesMax);
    socket_.async_read_some(asio::buffer(request_),
                            [self = shared_from_this()](std::error_code error, size_t) {
                              error ? self->End() : self->Drain();
                            });
  }

  void End() {
    Close();
    on_end_();
  }

  tcp::socket socket_;
  asio::steady_timer timer_;
  const std::vector<Page>& pages_;
  std::function<void()> on_end_;
  std::string request_, answer_;
};

}  // namespace

class HttpEndpoint::Server {
 public:
  Server(Options options, Listener listener) : options_(std::move(options)) {
    options_.pages.push_back(
        {"/metrics", [this](auto rest, auto) { return Metrics(options_, rest); }});
    options_.pages.push_back(
        {"/healthz", [this](auto rest, auto) { return Health(options_, rest); }});
    for (const int socket : listener.Release()) {
      int family = AF_INET;
      socklen_t size = sizeof(family);
      getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size);
      acceptors_.emplace_back(loop_, family == AF_INET6 ? tcp::v6() : tcp::v4(), socket);
      Accept(acceptors_.back());
    }
    thread_ = std::jthread([this] { loop_.run(); });
  }

  ~Server() { loop_.stop(); }  // and the thread is joined, before all else goes

 private:
  void Accept(tcp::acceptor& acceptor) {
    acceptor.async_accept([this, &acceptor](std::error_code error, tcp::socket socket) {
      if (!error) Serve(std::move(socket));
      if (error && error != asio::error::connection_aborted) {
        pause_.expires_after(kAcceptPause);
        pause_.async_wait([this, &acceptor](std::error_code) { Accept(acceptor); });
        return;
      }
      Accept(acceptor);
    });
  }

  void Serve(tcp::socket socket) {
    if (connections_.size() >= kConnectionsMax) {
      connections_.front()->Close();
      connections_.pop_front();
    }
    auto connection = std::make_shared<Connection>(std::move(socket), options_.pages);
    connections_.push_back(connection);
    connection->Start([this, raw = connection.get()] {
      connections_.remove_if([raw](const auto& one) { return one.get() == raw; });
    });
  }

  Options options_;
  asio::io_context loop_{1};
  asio::steady_timer pause_{loop_};
  std::list<tcp::acceptor> acceptors_;
  std::list<std::shared_ptr<Connection>> connections_;  // the oldest first
  std::jthread thread_;                                 // last: it uses the rest
};

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(Options options) {
  const auto wrong = [flag = options.flag](const absl::Status& status) {
    return absl::Status(status.code(), absl::StrCat(flag, ": ", status.message()));
  };
  absl::StatusOr<Address> address = ParseAddress(options.address, AddressUse::kListen);
  if (!address.ok()) return wrong(address.status());
  absl::StatusOr<Listener> listener = Listener::Open(*address);
  if (!listener.ok()) return wrong(listener.status());
  address->port = listener->port();
  auto server = std::make_unique<Server>(std::move(options), *std::move(listener));
  return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(*std::move(address), std::move(server)));
}

HttpEndpoint::HttpEndpoint(Address address, std::unique_ptr<Server> server)
    : address_(std::move(address)), server_(std::move(server)) {}

HttpEndpoint::~HttpEndpoint() = default;

}  // namespace gradloom
