#include "coordinator/run_file/yaml_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "coordinator/run_file/utf8.h"

namespace gradloom {
namespace {

template <typename Real>
std::string Number(Real value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value < 0 ? "-.inf" : ".inf";
  char buffer[64];
  std::string text(buffer, std::to_chars(buffer, std::end(buffer), value).ptr);
  // YAML 1.1's numbers have a point, and a sign before the exponent, which to_chars writes.
  if (text.find('.') == std::string::npos) text.insert(std::min(text.find('e'), text.size()), ".0");
  return text;
}

// Words that some version of YAML, or some reader, takes for a truth value, a number or nothing.
bool HasMeaning(absl::string_view text) {
  static constexpr absl::string_view kWords[] = {
      "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nil", "inf", "infinity", "nan"};
  const std::string lower = absl::AsciiStrToLower(text);
  return std::find(std::begin(kWords), std::end(kWords), lower) != std::end(kWords);
}

// A number, a date or a time begins with a digit, a sign or a point.
bool IsPlain(absl::string_view text) {
  if (text.empty() || !absl::ascii_isalpha(text[0]) || HasMeaning(text)) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '/' || c == '-' || c == '=';
  });
}

void AppendQuoted(char32_t c, absl::string_view bytes, std::string* out) {
  if (c == '"' || c == '\\') {
    absl::StrAppend(out, "\\", bytes);
  } else if (IsPrintable(c)) {
    absl::StrAppend(out, bytes);
  } else if (c <= 0xFF) {
    absl::StrAppendFormat(out, "\\x%02x", static_cast<uint32_t>(c));
  } else if (c <= 0xFFFF) {
    absl::StrAppendFormat(out, "\\u%04x", static_cast<uint32_t>(c));
  } else {
    absl::StrAppendFormat(out, "\\U%08x", static_cast<uint32_t>(c));
  }
}

}  // namespace

std::string YamlNumber(double value) { return Number(value); }
std::string YamlNumber(float value) { return Number(value); }

std::string YamlString(absl::string_view text) {
  if (IsPlain(text)) return std::string(text);
  std::string out = "\"";
  while (!text.empty()) {
    const Utf8Character next = FirstCharacter(text);
    AppendQuoted(next.code, next.legal ? text.substr(0, next.bytes) : "\xEF\xBF\xBD", &out);
    text.remove_prefix(next.bytes);
  }
  return out + "\"";
}

std::string YamlDuration(absl::Duration value) {
  return value == absl::ZeroDuration() ? "0s" : absl::FormatDuration(value);
}

}  // namespace gradloom
