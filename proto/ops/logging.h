// Structured logs to standard error, as text or as one JSON object a line, by way of spdlog. Plain
// spdlog::info() and friends work too and come out in the same form. Thread-safe after
// SetUpLogging.
#ifndef GRADLOOM_PROTO_OPS_LOGGING_H_
#define GRADLOOM_PROTO_OPS_LOGGING_H_

#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace gradloom {

// The legal values of the flags --log-format and --log-level, for their help.
inline constexpr char kLogFormats[] = "text or json";
inline constexpr char kLogLevels[] = "trace, debug, info, warn (or warning), error or off";

// Checks of CLI11 options: "" or what is wrong.
std::string CheckLogFormat(const std::string& format);
std::string CheckLogLevel(const std::string& level);

// format: text (2026-11-24T10:00:00.123Z info worker joined  worker=w1 slots=2) or json
// ({"time": ..., "level": "info", "program": ..., "message": "worker joined", "worker": "w1",
// "slots": 2}). Whatever messages and fields hold, a line of the log is one line of UTF-8 without
// control characters (printable.h), of some kilobytes at most. InvalidArgument names the flag, its
// value and what is legal. Call once, before other threads log.
absl::Status SetUpLogging(absl::string_view program, absl::string_view format,
                          absl::string_view level);

enum class LogLevel { kTrace, kDebug, kInfo, kWarning, kError };

// A named value of a log line.
struct LogField {
  template <typename T>
  LogField(absl::string_view field_name, const T& field_value)  // NOLINT: a pair in braces
      : name(field_name), value(absl::StrCat(field_value)), number(std::is_arithmetic_v<T>) {}

  std::string name;
  std::string value;
  bool number;  // JSON without quotes
};

// Log(LogLevel::kInfo, "worker joined", {{"worker", name}, {"slots", 2}})
void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields = {});

}  // namespace gradloom

#endif  // GRADLOOM_PROTO_OPS_LOGGING_H_
