// A plain HTTP client for tests: what a server does is seen byte by byte.
#ifndef GRADLOOM_TESTS_PROTO_HTTP_CLIENT_H_
#define GRADLOOM_TESTS_PROTO_HTTP_CLIENT_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

namespace gradloom {

// A connection to a server on loopback. Reads and connecting fail after `seconds`.
class HttpConnection {
 public:
  HttpConnection(const std::string& host, int port, int seconds = 60) {
    const bool v6 = host.find(':') != std::string::npos;
    socket_ = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{seconds, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    sockaddr_in to{AF_INET, htons(static_cast<uint16_t>(port)), {}, {}};
    sockaddr_in6 to6{AF_INET6, htons(static_cast<uint16_t>(port)), 0, {}, 0};
    inet_pton(AF_INET, host.c_str(), &to.sin_addr);
    inet_pton(AF_INET6, host.c_str(), &to6.sin6_addr);
    connected_ = v6 ? connect(socket_, reinterpret_cast<sockaddr*>(&to6), sizeof(to6)) == 0
                    : connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
  }
  ~HttpConnection() { close(socket_); }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  bool connected() const { return connected_; }
  bool Send(const std::string& bytes) const {
    return send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // All until the server closes, or the limit.
  std::string ReadAll() const {
    std::string answer;
    std::array<char, 4096> piece;
    for (ssize_t n; (n = read(socket_, piece.data(), piece.size())) > 0;) {
      answer.append(piece.data(), static_cast<size_t>(n));
    }
    return answer;
  }

 private:
  int socket_;
  bool connected_;
};

struct HttpAnswer {
  int status = 0;  // 0: there was none
  std::string body;
};

inline HttpAnswer HttpAsk(const std::string& host, int port, const std::string& method,
                          const std::string& path) {
  const HttpConnection connection(host, port);
  connection.Send(method + " " + path + " HTTP/1.0\r\nHost: x\r\n\r\n");
  const std::string answer = connection.ReadAll();
  const size_t end = answer.find("\r\n\r\n");
  if (answer.rfind("HTTP/1.1 ", 0) != 0 || end == std::string::npos) return {};
  return {std::atoi(answer.c_str() + 9), answer.substr(end + 4)};
}

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_PROTO_HTTP_CLIENT_H_
