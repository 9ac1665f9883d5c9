#include "proto/ops/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

constexpr int kBacklog = 1024;

struct Free {
  void operator()(addrinfo* found) const { freeaddrinfo(found); }
};
using Found = std::unique_ptr<addrinfo, Free>;

absl::StatusOr<Found> LookUp(const Address& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (error == 0) return Found(found);
  return absl::NotFoundError(absl::StrCat("'", address.ToString(), "' cannot be listened on: ",
                                          address.host, ": ", gai_strerror(error)));
}

void SetPort(sockaddr* address, int port) {
  const auto value = htons(static_cast<uint16_t>(port));
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = value;
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = value;
  }
}

int PortOf(int socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                           : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

// -1 and errno when it fails.
int OpenOne(const addrinfo& address) {
  const int one = 1, zero = 0;
  const int opened = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (opened < 0) return -1;
  setsockopt(opened, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (address.ai_family == AF_INET6) {
    // [::] is for IPv4, too.
    setsockopt(opened, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
  }
  if (bind(opened, address.ai_addr, address.ai_addrlen) == 0 && listen(opened, kBacklog) == 0) {
    return opened;
  }
  const int error = errno;
  close(opened);
  errno = error;
  return -1;
}

absl::Status Refused(const Address& address, int error) {
  const std::string what =
      absl::StrCat("'", address.ToString(), "' cannot be listened on: ", std::strerror(error));
  if (error == EADDRINUSE) {
    return absl::AlreadyExistsError(
        absl::StrCat(what, "; give another port, or 0 for any free one"));
  }
  if (error == EADDRNOTAVAIL) {
    return absl::UnavailableError(absl::StrCat(what, "; give an address of this machine"));
  }
  return absl::UnavailableError(what);
}

}  // namespace

absl::StatusOr<Listener> Listener::Open(const Address& address) {
  absl::StatusOr<Found> found = LookUp(address);
  if (!found.ok()) return found.status();
  Listener listener;
  listener.port_ = address.port;
  int error = 0;
  for (addrinfo* one = found->get(); one != nullptr; one = one->ai_next) {
    if (listener.port_ != 0) SetPort(one->ai_addr, listener.port_);
    const int opened = OpenOne(*one);
    if (opened >= 0) {
      listener.sockets_.push_back(opened);
      if (listener.port_ == 0) listener.port_ = PortOf(opened);
    } else if (errno == EADDRINUSE) {
      return Refused(address, errno);
    } else {
      error = errno;  // localhost is ::1, too, also where there is no IPv6
    }
  }
  if (listener.sockets_.empty()) return Refused(address, error);
  return listener;
}

Listener::~Listener() {
  for (const int socket : sockets_) close(socket);
}

}  // namespace gradloom
