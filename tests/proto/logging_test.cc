#include "proto/ops/logging.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/ops/printable.h"
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

// A line that a peer would like to see in the log, and a terminal's colours.
const char kForged[] =
    "evil\n2026-11-24T10:00:00.123Z info    forged \x1b[31m\x7f\xc2\x85\xff\xe2\x80\xae";

std::string Logged(const char* format, const std::string& text) {
  EXPECT_TRUE(SetUpLogging("gradloom-test", format, "info").ok());
  testing::internal::CaptureStderr();
  Log(LogLevel::kInfo, text, {{"worker", text}});
  spdlog::info(text);
  return testing::internal::GetCapturedStderr();
}

TEST(Logging, F21_StrangersCannotForgeLinesOfText) {
  const std::string out = Logged("text", kForged);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2);
  const std::string shown =
      "evil\\n2026-11-24T10:00:00.123Z info    forged \\x1b[31m\\x7f\\u0085\\xff\\u202e";
  EXPECT_THAT(out, HasSubstr(" info    " + shown + "  worker=\"" + shown + "\"\n"));
  EXPECT_EQ(out.find_first_of("\x1b\x7f\xc2\xff\xe2"), std::string::npos);
  EXPECT_THAT(Logged("text", "a=b"), HasSubstr("worker=\"a=b\""));
  EXPECT_THAT(Logged("text", ""), HasSubstr("worker=\"\""));
  EXPECT_THAT(Logged("text", "Zürich 東京 😀"), HasSubstr("Zürich 東京 😀"));
}

TEST(Logging, F21_LinesOfJsonStayJson) {
  const std::string out = Logged("json", kForged);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2);
  EXPECT_THAT(out, HasSubstr("\"worker\":\"evil\\n2026-11-24T10:00:00.123Z info    forged "
                             "\\u001b[31m\\u007f\\u0085\\ufffd\\u202e\"}"));
  EXPECT_THAT(Logged("json", "\xf3\xa0\x80\x81"), HasSubstr("\"worker\":\"\\udb40\\udc01\""));
}

TEST(Logging, F21_NobodyFillsTheLog) {
  for (const char* format : {"text", "json"}) {
    const std::string out = Logged(format, std::string(1 << 20, 'x'));
    EXPECT_LT(out.size(), 20'000);
    EXPECT_THAT(out, HasSubstr("(1044480 bytes more)"));
  }
}

TEST(Printable, KeepsWhatIsSeen) {
  EXPECT_EQ(Printable("a\\b Zürich"), "a\\b Zürich");
  EXPECT_EQ(Printable("\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82"),
            "\\xc0\\x80\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80\\xe2\\x82");
  EXPECT_EQ(Printable("Zürich", 2), "Z... (6 bytes more)");
}

TEST(Logging, F21_AllLevelsThatArePromisedAreLegal) {
  const char* const levels[] = {"trace", "debug", "info", "warn", "warning", "error", "off"};
  for (const char* level : levels) {
    EXPECT_TRUE(SetUpLogging("x", "text", level).ok()) << level;
    EXPECT_THAT(kLogLevels, HasSubstr(level));
    EXPECT_EQ(CheckLogLevel(level), "");
  }
  ASSERT_TRUE(SetUpLogging("x", "text", "warn").ok());
  testing::internal::CaptureStderr();
  Log(LogLevel::kInfo, "unheard");
  Log(LogLevel::kWarning, "heard");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), MatchesRegex(".* warning heard\n"));
}

TEST(Logging, ErrorsNameFlagAndChoices) {
  EXPECT_EQ(std::string(SetUpLogging("x", "xml", "info").message()),
            "--log-format: 'xml' is unknown; legal: text or json");
  EXPECT_EQ(
      std::string(SetUpLogging("x", "text", "loud").message()),
      "--log-level: 'loud' is unknown; legal: trace, debug, info, warn (or warning), error or "
      "off");
}

}  // namespace
}  // namespace gradloom
