#include "coordinator/store/file_name.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "coordinator/store/sha256.h"

namespace gradloom {
namespace {

// With an ending and a temporary one's, below the 255 bytes that file systems take.
constexpr size_t kLengthMax = 200;
constexpr char kMark = '~';
constexpr size_t kDigits = 16;

// Printable, and neither refused nor read in a special way by any system.
bool IsLegal(char c) {
  return absl::ascii_isgraph(static_cast<unsigned char>(c)) &&
         absl::string_view("/\\:*?\"<>|").find(c) == absl::string_view::npos;
}

// Devices of one system, whatever follows the first dot.
bool IsReserved(absl::string_view name) {
  constexpr std::array<absl::string_view, 7> kDevices = {"con",    "prn",     "aux",   "nul",
                                                         "conin$", "conout$", "clock$"};
  const std::string stem = absl::AsciiStrToLower(name.substr(0, name.find('.')));
  if (std::find(kDevices.begin(), kDevices.end(), stem) != kDevices.end()) return true;
  return stem.size() == 4 && absl::ascii_isdigit(static_cast<unsigned char>(stem[3])) &&
         (absl::StartsWith(stem, "com") || absl::StartsWith(stem, "lpt"));
}

// What only a name with a hash may look like.
bool LooksHashed(absl::string_view name) {
  if (name.size() <= kDigits || name[name.size() - kDigits - 1] != kMark) return false;
  const absl::string_view digits = name.substr(name.size() - kDigits);
  return std::all_of(digits.begin(), digits.end(),
                     [](char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); });
}

bool IsPlain(absl::string_view name) {
  return !name.empty() && name.size() <= kLengthMax && name.front() != '.' && name.back() != '.' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) {
                       return IsLegal(c) && !absl::ascii_isupper(static_cast<unsigned char>(c));
                     }) &&
         !IsReserved(name) && !LooksHashed(name);
}

std::string Readable(absl::string_view name, size_t length_max) {
  std::string readable;
  for (const char c : name) {
    if (readable.size() == length_max) break;
    // The further bytes of a character of several.
    if ((static_cast<unsigned char>(c) & 0xc0U) == 0x80U) continue;
    readable.push_back(IsLegal(c) ? c : '_');
  }
  if (readable.empty()) return "_";
  if (readable.front() == '.') readable.front() = '_';
  if (readable.back() == '.') readable.back() = '_';
  if (IsReserved(readable)) readable.front() = '_';
  return readable;
}

}  // namespace

std::string ReadableFileName(absl::string_view name) { return Readable(name, kLengthMax); }

std::string FileName(absl::string_view name) {
  if (IsPlain(name)) return std::string(name);
  Sha256 digest;
  digest.Update(std::as_bytes(std::span(name.data(), name.size())));
  return absl::StrCat(Readable(name, kLengthMax - 1 - kDigits), std::string(1, kMark),
                      digest.HexDigest().substr(0, kDigits));
}

}  // namespace gradloom
