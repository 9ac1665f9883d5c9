#include "coordinator/run_file/utf8.h"

#include <bit>
#include <cstdint>

namespace gradloom {

Utf8Character FirstCharacter(absl::string_view text) {
  constexpr Utf8Character kNone = {0xFFFD, 1, false};
  const auto first = static_cast<uint8_t>(text[0]);
  const auto length = static_cast<size_t>(std::countl_one(first));
  if (length == 0) return {first, 1, true};
  if (length == 1 || length > 4 || length > text.size()) return kNone;
  char32_t code = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xC0) != 0x80) return kNone;
    code = code << 6 | (next & 0x3Fu);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kLeast[length] || code > 0x10FFFF || surrogate) return kNone;
  return {code, length, true};
}

bool IsPrintable(char32_t c) {
  if (c < 0x20 || (c >= 0x7F && c < 0xA0)) return false;  // C0, delete, C1
  if (c == 0x2028 || c == 0x2029 || c == 0xFEFF) return false;
  return c <= 0x10FFFF && (c & 0xFFFE) != 0xFFFE;
}

}  // namespace gradloom
