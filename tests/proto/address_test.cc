#include "proto/ops/address.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/ops/listener.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

TEST(Address, F12_TheLegalOnesComeBackAsTheyWere) {
  for (const char* text : {"example:7070", "127.0.0.1:1", "[::1]:65535", "[fe80::1%eth0]:80",
                           "my_host-1.example.org.:9", "0.0.0.0:7070", "[::]:7070"}) {
    for (const AddressUse use : {AddressUse::kDial, AddressUse::kListen}) {
      const auto address = ParseAddress(text, use);
      ASSERT_TRUE(address.ok()) << address.status();
      EXPECT_EQ(address->ToString(), text);
    }
  }
  EXPECT_EQ(ParseAddress("[::1]:0", AddressUse::kListen)->host, "::1");
  for (const char* all : {"*:7070", ":7070"}) {
    EXPECT_THAT(ParseAddress(all, AddressUse::kListen)->ToString(),
                AnyOf("[::]:7070", "0.0.0.0:7070"));
  }
}

// What is advised must be legal, else the advice is no better than the address.
TEST(Address, F12_ErrorsAdviseWhatIsLegal) {
  const struct {
    const char* text;
    const char* wrong;
    const char* meant;
  } cases[] = {
      {"example", "it has no port", "example:7070"},
      {"example:", "'' is no port", "example:7070"},
      {"[::1]", "it has no port", "[::1]:7070"},
      {"::1", "must stand in brackets", "[::1]:7070"},
      {"::1:8080", "must stand in brackets", "[::1]:8080"},
      {"fe80::1:2", "must stand in brackets", "[fe80::1:2]:7070"},
      {"http://example:8080", "it is a URL", "example:8080"},
      {"https://user@example/path?x", "it is a URL", "example:7070"},
      {"dns:///example:8080", "it is a URL", "example:8080"},
      {"ipv6:[::1]:80", "more than one colon", "[::1]:80"},
      {"example:7070/", "it is a URL", "example:7070"},
      {" example:7070", "' example' is no host name", "example:7070"},
      {"7070", "it has no host", "127.0.0.1:7070"},
      {":7070", "it has no host", "127.0.0.1:7070"},
      {"*:7070", "'*' is no host name", "127.0.0.1:7070"},
  };
  for (const auto& one : cases) {
    const std::string error = CheckDialAddress(one.text);
    EXPECT_THAT(error, AllOf(HasSubstr(std::string("'") + one.text + "' is no address: "),
                             HasSubstr(one.wrong),
                             HasSubstr(std::string("did you mean ") + one.meant + "?"),
                             HasSubstr("Legal: HOST:PORT or [IPV6]:PORT")));
    EXPECT_EQ(CheckDialAddress(one.meant), "");
  }
}

TEST(Address, F12_WhatCannotBeGuessedGetsNoAdvice) {
  for (const char* text :
       {"", "example:0", "example:65536", "example:http", "example:+1", "example:-1", "example: 1",
        "a:1,b:2", "300.1.1.1:80", "[::1:80", "[x]:80", "unix:/run/x", "a b:80", "exa\nmple:80"}) {
    const std::string error = CheckDialAddress(text);
    EXPECT_THAT(error, HasSubstr("legal: HOST:PORT or [IPV6]:PORT with a port from 1 to 65535"))
        << text;
    EXPECT_EQ(error.find("did you mean"), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
  EXPECT_THAT(CheckListenAddress("x:65536"), HasSubstr("from 0 (any free one) to 65535"));
  EXPECT_EQ(CheckListenAddressOrNone(""), "");
}

TEST(Address, F09_LoopbackInEveryForm) {
  for (const char* host :
       {"localhost", "LocalHost.", "a.localhost", "ip6-localhost", "127.0.0.1", "127.255.0.9",
        "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "0.0.0.0", "::"}) {
    EXPECT_TRUE(IsLoopback(host)) << host;
  }
  for (const char* host : {"example", "localhost.example.org", "notlocalhost", "128.0.0.1",
                           "10.0.0.1", "::2", "::ffff:10.0.0.1", "fe80::1%lo"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

TEST(Listener, SaysWhyNot) {
  const auto first = Listener::Open({"127.0.0.1", 0});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_GT(first->port(), 0);
  EXPECT_EQ(Listener::Open({"127.0.0.1", first->port()}).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(Listener::Open({"192.0.2.1", 0}).status().message()),
              HasSubstr("give an address of this machine"));
  EXPECT_EQ(Listener::Open({"no-such-host.invalid", 0}).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gradloom
