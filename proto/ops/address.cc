#include "proto/ops/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/ops/printable.h"

namespace gradloom {
namespace {

constexpr int kPortMax = 65535;
constexpr size_t kHostMax = 253;

std::optional<in6_addr> Ipv6(absl::string_view host) {
  // fe80::1%eth0: an address that only one interface reaches.
  const std::string plain(host.substr(0, host.find('%')));
  in6_addr address;
  if (inet_pton(AF_INET6, plain.c_str(), &address) != 1) return std::nullopt;
  return address;
}

std::optional<in_addr> Ipv4(absl::string_view host) {
  in_addr address;
  if (inet_pton(AF_INET, std::string(host).c_str(), &address) != 1) return std::nullopt;
  return address;
}

bool IsLoopback(const in_addr& address) {
  const uint32_t value = ntohl(address.s_addr);
  return value >> 24 == 127 || value == INADDR_ANY;
}

std::string AnyHost() {
  const int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  const bool works =
      probe >= 0 && bind(probe, reinterpret_cast<const sockaddr*>(&any), sizeof(any)) == 0;
  if (probe >= 0) close(probe);
  return works ? "::" : "0.0.0.0";
}

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// "" or what is wrong with it.
std::string ParsePort(absl::string_view text, AddressUse use, int& port) {
  const int least = use == AddressUse::kListen ? 0 : 1;
  const bool digits = IsNumber(text);
  if (digits && absl::SimpleAtoi(text, &port) && port >= least && port <= kPortMax) return "";
  if (digits && port == 0) return "port 0 is for listening only";
  return absl::StrCat("'", Printable(text), "' is no port");
}

std::string CheckHost(absl::string_view host) {
  const auto legal = [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
  };
  if (host.empty()) return "it has no host";
  if (host.size() > kHostMax || !std::all_of(host.begin(), host.end(), legal)) {
    return absl::StrCat("'", Printable(host), "' is no host name");
  }
  const bool numeric = host.find_first_not_of("0123456789.") == absl::string_view::npos;
  if (numeric && !Ipv4(host).has_value()) return absl::StrCat("'", host, "' is no IPv4 address");
  return "";
}

bool IsUnixSocket(absl::string_view text) {
  return absl::StartsWith(text, "unix:") || absl::StartsWith(text, "unix-abstract:");
}

// "" or what is wrong. Splits at the last colon, behind the bracket if there is one.
std::string Parse(absl::string_view text, AddressUse use, Address& address) {
  if (IsUnixSocket(text)) return "it is no TCP address";
  if (absl::StrContains(text, "://") || absl::StrContains(text, '/')) return "it is a URL";
  if (absl::ConsumePrefix(&text, "[")) {
    const size_t bracket = text.find(']');
    const absl::string_view host = text.substr(0, bracket);
    if (bracket == absl::string_view::npos) return "']' is missing";
    if (!Ipv6(host).has_value()) {
      return absl::StrCat("'", Printable(host), "' is no IPv6 address");
    }
    address.host = std::string(host);
    text.remove_prefix(bracket + 1);
    if (text.empty()) return "it has no port";
    if (!absl::ConsumePrefix(&text, ":")) return "':' must follow ']'";
    return ParsePort(text, use, address.port);
  }
  const size_t colon = text.rfind(':');
  const absl::string_view host = text.substr(0, colon);
  if (colon != text.find(':')) {
    const bool ipv6 = Ipv6(text).has_value() || Ipv6(host).has_value();
    return ipv6 ? "an IPv6 address must stand in brackets" : "it has more than one colon";
  }
  if (IsNumber(text)) return "it has no host";
  if (use == AddressUse::kListen && colon != absl::string_view::npos &&
      (host.empty() || host == "*")) {
    address.host = AnyHost();
  } else if (std::string wrong = CheckHost(host); !wrong.empty()) {
    return wrong;
  } else {
    address.host = std::string(host);
  }
  if (colon == absl::string_view::npos) return "it has no port";
  return ParsePort(text.substr(colon + 1), use, address.port);
}

// What may have been meant, "" when there is no telling. Always legal.
std::string Meant(absl::string_view text, AddressUse use) {
  text = absl::StripAsciiWhitespace(text);
  if (IsUnixSocket(text)) return "";
  // gRPC's own schemes may come without slashes.
  for (const absl::string_view scheme : {"dns:", "ipv4:", "ipv6:", "http:", "https:", "grpc:"}) {
    if (absl::ConsumePrefix(&text, scheme)) break;
  }
  if (const size_t scheme = text.find("://"); scheme != absl::string_view::npos) {
    text.remove_prefix(scheme + 3);
  }
  while (absl::ConsumePrefix(&text, "/")) {
  }
  text = text.substr(0, text.find_first_of("/?#"));
  text = text.substr(text.rfind('@') + 1);  // npos + 1 is 0
  const size_t colon = text.rfind(':');
  const absl::string_view before = text.substr(0, colon);
  const absl::string_view behind = text.substr(colon + 1);  // all of it without a colon
  Address address;
  if (Parse(text, use, address).empty()) return address.ToString();
  std::vector<std::string> tries;
  if (IsNumber(text) || before.empty() || before == "*") {
    tries.push_back(absl::StrCat(use == AddressUse::kDial ? "127.0.0.1:" : "*:", behind));
  }
  // "::1:7070" may be one address or an address and a port; ports of four digits are likelier.
  int port = 0;
  if (Ipv6(before).has_value() && ParsePort(behind, use, port).empty() && port >= 1000) {
    tries.push_back(absl::StrCat("[", before, "]:", port));
  }
  tries.push_back(absl::StrCat("[", text, "]:", kDefaultPort));
  tries.push_back(absl::StrCat(absl::StripSuffix(text, ":"), ":", kDefaultPort));
  for (const std::string& attempt : tries) {
    if (Parse(attempt, use, address).empty()) return address.ToString();
  }
  return "";
}

absl::string_view Legal(AddressUse use) {
  return use == AddressUse::kDial
             ? "HOST:PORT or [IPV6]:PORT with a port from 1 to 65535"
             : "HOST:PORT, [IPV6]:PORT or *:PORT with a port from 0 (any free one) to 65535";
}

std::string Check(const std::string& text, AddressUse use) {
  return std::string(ParseAddress(text, use).status().message());
}

}  // namespace

std::string Address::ToString() const {
  return absl::StrContains(host, ':') ? absl::StrCat("[", host, "]:", port)
                                      : absl::StrCat(host, ":", port);
}

absl::StatusOr<Address> ParseAddress(absl::string_view text, AddressUse use) {
  Address address;
  const std::string wrong = Parse(text, use, address);
  if (wrong.empty()) return address;
  const std::string meant = Meant(text, use);
  return absl::InvalidArgumentError(
      absl::StrCat("'", Printable(text), "' is no address: ", wrong,
                   meant.empty() ? "" : absl::StrCat("; did you mean ", meant, "?"),
                   meant.empty() ? "; legal: " : " Legal: ", Legal(use)));
}

bool IsLoopback(absl::string_view host) {
  if (const std::optional<in_addr> address = Ipv4(host)) return IsLoopback(*address);
  if (const std::optional<in6_addr> address = Ipv6(host)) {
    if (IN6_IS_ADDR_LOOPBACK(&*address) || IN6_IS_ADDR_UNSPECIFIED(&*address)) return true;
    if (!IN6_IS_ADDR_V4MAPPED(&*address)) return false;
    in_addr mapped;
    std::copy_n(&address->s6_addr[12], sizeof(mapped), reinterpret_cast<uint8_t*>(&mapped));
    return IsLoopback(mapped);
  }
  const std::string name = absl::AsciiStrToLower(absl::StripSuffix(host, "."));
  return name == "localhost" || absl::EndsWith(name, ".localhost") || name == "ip6-localhost" ||
         name == "ip6-loopback" || name == "localhost.localdomain";
}

std::string CheckDialAddress(const std::string& text) { return Check(text, AddressUse::kDial); }

std::string CheckListenAddress(const std::string& text) { return Check(text, AddressUse::kListen); }

std::string CheckListenAddressOrNone(const std::string& text) {
  return text.empty() ? "" : CheckListenAddress(text);
}

}  // namespace gradloom
