// Network addresses as people write them: one syntax and one error for every address flag of the
// three programs.
#ifndef GRADLOOM_PROTO_OPS_ADDRESS_H_
#define GRADLOOM_PROTO_OPS_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gradloom {

// What an advised address gets when the given one has no port: the coordinator's.
inline constexpr int kDefaultPort = 7070;

struct Address {
  std::string host;  // a name, or an IPv4 or IPv6 address without brackets
  int port = 0;

  // HOST:PORT or [IPV6]:PORT; ParseAddress reads it back.
  std::string ToString() const;
};

enum class AddressUse {
  kDial,    // HOST:PORT or [IPV6]:PORT, ports 1 to 65535
  kListen,  // also port 0 (any free one), and *:PORT or :PORT for all of this machine's addresses
};

// InvalidArgument says what is wrong, what was probably meant, and what is legal; it quotes the
// text and does not name the flag. The host of *:PORT is "::" where the machine has IPv6 (IPv4 is
// served there, too), else "0.0.0.0". Names are not looked up.
absl::StatusOr<Address> ParseAddress(absl::string_view text, AddressUse use);

// Whether connections to the host cannot leave this machine: localhost and names below it, 127/8,
// ::1, an unspecified address (which dials this machine), each also as an IPv4-mapped one.
bool IsLoopback(absl::string_view host);

// As checks of CLI11 options: "" or what is wrong. With "" for "none" where OrNone.
std::string CheckDialAddress(const std::string& text);
std::string CheckListenAddress(const std::string& text);
std::string CheckListenAddressOrNone(const std::string& text);

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_ADDRESS_H_
