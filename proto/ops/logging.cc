#include "proto/ops/logging.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <iterator>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "proto/ops/printable.h"
#include "spdlog/formatter.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace gradloom {
namespace {

using Fields = std::initializer_list<LogField>;

// The fields of the line being logged. The logger is synchronous, so its formatter runs within
// Log() on the same thread and finds them here; spdlog's own calls have none.
thread_local const Fields* current_fields = nullptr;

std::string Rfc3339(spdlog::log_clock::time_point time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(since - seconds);
  const std::time_t whole = seconds.count();
  std::tm parts{};
  gmtime_r(&whole, &parts);
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                         parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                         rest.count());
}

// What one message, or one field, may add to a line: peers decide what some of them hold.
constexpr size_t kTextMax = 4096;

// A JSON string, which has no room for bytes that are no UTF-8.
std::string JsonString(absl::string_view text) {
  const size_t missing = text.size() > kTextMax ? text.size() - kTextMax : 0;
  text = text.substr(0, kTextMax);
  std::string out = "\"";
  while (!text.empty()) {
    char32_t c = 0xfffd;  // the replacement character
    const size_t length = Utf8Length(text, &c);
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", text.substr(0, 1));
    } else if (c == '\n') {
      out += "\\n";
    } else if (length > 0 && IsVisible(c)) {
      out.append(text.data(), length);
    } else if (c < 0x10000) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<uint32_t>(c));
    } else {
      absl::StrAppendFormat(&out, "\\u%04x\\u%04x", 0xd7c0 + static_cast<uint32_t>(c >> 10),
                            0xdc00 + static_cast<uint32_t>(c & 0x3ff));
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  if (missing > 0) absl::StrAppend(&out, "... (", missing, " bytes more)");
  return out + "\"";
}

// A field's value as it stands in a line of text: quoted where it could be taken for several.
std::string TextValue(absl::string_view value) {
  std::string shown = Printable(value, kTextMax);
  const bool plain =
      shown == value && !shown.empty() && shown.find_first_of(" \"=\\") == std::string::npos;
  if (plain) return shown;
  return absl::StrCat("\"", absl::StrReplaceAll(shown, {{"\"", "\\\""}}), "\"");
}

// JSON knows no NaN and no infinity.
bool IsJsonNumber(const LogField& field) {
  return field.number && field.value.find_first_not_of("+-.0123456789e") == std::string::npos;
}

absl::string_view LevelName(spdlog::level::level_enum level) {
  const auto name = spdlog::level::to_string_view(level);
  return {name.data(), name.size()};
}

class JsonFormatter final : public spdlog::formatter {
 public:
  explicit JsonFormatter(std::string program) : program_(std::move(program)) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    std::string line =
        absl::StrCat("{\"time\":\"", Rfc3339(message.time), "\",\"level\":\"",
                     LevelName(message.level), "\",\"program\":", JsonString(program_),
                     ",\"message\":", JsonString({message.payload.data(), message.payload.size()}));
    if (current_fields != nullptr) {
      for (const LogField& field : *current_fields) {
        absl::StrAppend(&line, ",", JsonString(field.name), ":",
                        IsJsonNumber(field) ? field.value : JsonString(field.value));
      }
    }
    line += "}\n";
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<formatter> clone() const override {
    return std::make_unique<JsonFormatter>(program_);
  }

 private:
  std::string program_;
};

class TextFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    std::string line =
        absl::StrFormat("%s %-7s %s", Rfc3339(message.time), LevelName(message.level),
                        Printable({message.payload.data(), message.payload.size()}, kTextMax));
    if (current_fields != nullptr && current_fields->size() > 0) {
      line += " ";
      for (const LogField& field : *current_fields) {
        absl::StrAppend(&line, " ", field.name, "=", TextValue(field.value));
      }
    }
    line += "\n";
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<formatter> clone() const override { return std::make_unique<TextFormatter>(); }
};

struct NamedLevel {
  absl::string_view name;
  spdlog::level::level_enum level;
};
constexpr NamedLevel kLevels[] = {
    {"trace", spdlog::level::trace},  {"debug", spdlog::level::debug},
    {"info", spdlog::level::info},    {"warn", spdlog::level::warn},
    {"warning", spdlog::level::warn}, {"error", spdlog::level::err},
    {"off", spdlog::level::off},
};

const NamedLevel* FindLevel(absl::string_view name) {
  const auto* found = std::find_if(std::begin(kLevels), std::end(kLevels),
                                   [&](const NamedLevel& level) { return level.name == name; });
  return found == std::end(kLevels) ? nullptr : found;
}

std::string Unknown(absl::string_view value, absl::string_view legal) {
  return absl::StrCat("'", Printable(value), "' is unknown; legal: ", legal);
}

}  // namespace

std::string CheckLogFormat(const std::string& format) {
  return format == "text" || format == "json" ? "" : Unknown(format, kLogFormats);
}

std::string CheckLogLevel(const std::string& level) {
  return FindLevel(level) == nullptr ? Unknown(level, kLogLevels) : "";
}

absl::Status SetUpLogging(absl::string_view program, absl::string_view format,
                          absl::string_view level) {
  if (std::string wrong = CheckLogFormat(std::string(format)); !wrong.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("--log-format: ", wrong));
  }
  const NamedLevel* named = FindLevel(level);
  if (named == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("--log-level: ", CheckLogLevel(std::string(level))));
  }
  auto logger = std::make_shared<spdlog::logger>(std::string(program),
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (format == "json") {
    logger->set_formatter(std::make_unique<JsonFormatter>(std::string(program)));
  } else {
    logger->set_formatter(std::make_unique<TextFormatter>());
  }
  logger->set_level(named->level);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields) {
  spdlog::level::level_enum at = spdlog::level::info;
  if (level == LogLevel::kTrace) at = spdlog::level::trace;
  if (level == LogLevel::kDebug) at = spdlog::level::debug;
  if (level == LogLevel::kWarning) at = spdlog::level::warn;
  if (level == LogLevel::kError) at = spdlog::level::err;
  current_fields = &fields;
  spdlog::default_logger_raw()->log(at, spdlog::string_view_t(message.data(), message.size()));
  current_fields = nullptr;
}

}  // namespace gradloom
