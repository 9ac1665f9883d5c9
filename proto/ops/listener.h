// TCP sockets that listen, with errors for people.
#ifndef GRADLOOM_PROTO_OPS_LISTENER_H_
#define GRADLOOM_PROTO_OPS_LISTENER_H_

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/ops/address.h"

namespace gradloom {

// Listening sockets on every address that the host stands for, all on one port, closed when this
// goes. Move-only.
class Listener {
 public:
  // NotFound: an unknown name; AlreadyExists: the port is in use; else Unavailable. Messages quote
  // the address and do not name the flag.
  static absl::StatusOr<Listener> Open(const Address& address);
  Listener(Listener&& other) noexcept = default;
  ~Listener();

  int port() const { return port_; }
  // The sockets, which the caller closes from now on.
  std::vector<int> Release() { return std::move(sockets_); }

 private:
  Listener() = default;

  std::vector<int> sockets_;
  int port_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_LISTENER_H_
