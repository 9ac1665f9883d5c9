#include "proto/ops/logging.h"

#include <cmath>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/spdlog.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

const char kTime[] = "[0-9-]+T[0-9:]+\\.[0-9]+Z";

TEST(Logging, Text) {
  ASSERT_TRUE(SetUpLogging("gradloom-test", "text", "info").ok());
  testing::internal::CaptureStderr();
  Log(LogLevel::kInfo, "worker joined", {{"worker", "w 1"}, {"slots", 2}});
  Log(LogLevel::kDebug, "unheard");
  spdlog::warn("plain");
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_THAT(out,
              MatchesRegex(std::string(kTime) + " info    worker joined  worker=\"w 1\" slots=2\n" +
                           kTime + " warning plain\n"));
}

TEST(Logging, JsonEscapesAndKeepsNumbers) {
  ASSERT_TRUE(SetUpLogging("gradloom-test", "json", "debug").ok());
  testing::internal::CaptureStderr();
  Log(LogLevel::kError, "a \"b\"\n\x01", {{"n", 2.5}, {"bad", std::nan("")}, {"s", "7"}});
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_THAT(out, HasSubstr("\"level\":\"error\",\"program\":\"gradloom-test\",\"message\":\"a "
                             "\\\"b\\\"\\n\\u0001\",\"n\":2.5,\"bad\":\"nan\",\"s\":\"7\"}\n"));
}

TEST(Logging, ErrorsNameFlagAndChoices) {
  EXPECT_EQ(std::string(SetUpLogging("x", "xml", "info").message()),
            "--log-format 'xml' is unknown; known: text, json");
  EXPECT_EQ(std::string(SetUpLogging("x", "text", "loud").message()),
            "--log-level 'loud' is unknown; known: debug, info, warning, error, off");
}

}  // namespace
}  // namespace gradloom
