#include "proto/ops/printable.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace gradloom {
namespace {

void Escape(absl::string_view bytes, char32_t c, std::string& out) {
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c == '\t') {
    out += "\\t";
  } else if (c < 0x80) {
    absl::StrAppendFormat(&out, "\\x%02x", static_cast<uint32_t>(c));
  } else if (bytes.size() < 4) {
    absl::StrAppendFormat(&out, "\\u%04x", static_cast<uint32_t>(c));
  } else {
    absl::StrAppendFormat(&out, "\\U%08x", static_cast<uint32_t>(c));
  }
}

}  // namespace

bool IsVisible(char32_t c) {
  if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;  // controls of one and of two bytes
  if (c >= 0x200b && c <= 0x200f) return false;           // of no width; marks of direction
  if (c >= 0x2028 && c <= 0x202e) return false;           // ends of lines and of paragraphs; turns
  if (c >= 0x2060 && c <= 0x206f) return false;           // invisible operators; turns
  if (c == 0x061c || c == 0xad || c == 0xfeff) return false;
  if (c >= 0xfff9 && c <= 0xfffb) return false;  // annotations
  return c < 0xe0000 || c > 0xe0fff;             // tags
}

size_t Utf8Length(absl::string_view text, char32_t* code_point) {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) -> uint32_t { return static_cast<unsigned char>(text[i]); };
  const uint32_t first = byte(0);
  if (first < 0x80) {
    *code_point = first;
    return 1;
  }
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  char32_t c = first & (0x7fU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    c = c << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (c < kLeast[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return 0;
  *code_point = c;
  return length;
}

std::string Printable(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    char32_t c = 0;
    const size_t length = Utf8Length(text, &c);
    if (length == 0) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    if (IsVisible(c)) {
      out.append(text.data(), length);
    } else {
      Escape(text.substr(0, length), c, out);
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string Printable(absl::string_view text, size_t most) {
  if (text.size() <= most) return Printable(text);
  // Not in the middle of a character.
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80 && most - end < 4) --end;
  return absl::StrCat(Printable(text.substr(0, end)), "... (", text.size() - end, " bytes more)");
}

}  // namespace gradloom
