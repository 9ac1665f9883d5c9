#include "proto/ops/logging.h"

#include <chrono>
#include <cmath>
#include <ctime>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
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

std::string JsonString(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          absl::StrAppendFormat(&out, "\\u%04x", static_cast<int>(c));
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
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
                        absl::string_view(message.payload.data(), message.payload.size()));
    if (current_fields != nullptr && current_fields->size() > 0) {
      line += " ";
      for (const LogField& field : *current_fields) {
        const bool quote = field.value.find_first_of(" \"=\n") != std::string::npos;
        absl::StrAppend(&line, " ", field.name, "=", quote ? JsonString(field.value) : field.value);
      }
    }
    line += "\n";
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<formatter> clone() const override { return std::make_unique<TextFormatter>(); }
};

}  // namespace

absl::Status SetUpLogging(absl::string_view program, absl::string_view format,
                          absl::string_view level) {
  if (format != "text" && format != "json") {
    return absl::InvalidArgumentError(
        absl::StrCat("--log-format '", format, "' is unknown; known: text, json"));
  }
  spdlog::level::level_enum threshold;
  if (level == "debug") {
    threshold = spdlog::level::debug;
  } else if (level == "info") {
    threshold = spdlog::level::info;
  } else if (level == "warning") {
    threshold = spdlog::level::warn;
  } else if (level == "error") {
    threshold = spdlog::level::err;
  } else if (level == "off") {
    threshold = spdlog::level::off;
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "--log-level '", level, "' is unknown; known: debug, info, warning, error, off"));
  }
  auto logger = std::make_shared<spdlog::logger>(std::string(program),
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (format == "json") {
    logger->set_formatter(std::make_unique<JsonFormatter>(std::string(program)));
  } else {
    logger->set_formatter(std::make_unique<TextFormatter>());
  }
  logger->set_level(threshold);
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields) {
  spdlog::level::level_enum at = spdlog::level::info;
  if (level == LogLevel::kDebug) at = spdlog::level::debug;
  if (level == LogLevel::kWarning) at = spdlog::level::warn;
  if (level == LogLevel::kError) at = spdlog::level::err;
  current_fields = &fields;
  spdlog::default_logger_raw()->log(at, spdlog::string_view_t(message.data(), message.size()));
  current_fields = nullptr;
}

}  // namespace gradloom
