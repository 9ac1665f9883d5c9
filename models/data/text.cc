#include "models/data/text.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace gradloom {

absl::Status ForEachLine(const ByteSource& file, int64_t offset, int64_t length, LineSink take) {
  std::string carried;  // a line's beginning, from earlier blocks
  int64_t start = offset;
  const auto give = [&](absl::string_view line, int64_t bytes) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    absl::Status taken = take(line, start);
    start += bytes;
    return taken;
  };
  absl::Status read = file.Stream(offset, length, [&](std::span<const char> block) {
    absl::string_view rest(block.data(), block.size());
    while (true) {
      const size_t end = rest.find('\n');
      if (end == absl::string_view::npos) break;
      absl::string_view line = rest.substr(0, end);
      if (!carried.empty()) {
        carried.append(line.data(), line.size());
        line = carried;
      }
      const auto bytes = static_cast<int64_t>(line.size()) + 1;
      if (absl::Status taken = give(line, bytes); !taken.ok()) return taken;
      carried.clear();
      rest.remove_prefix(end + 1);
    }
    carried.append(rest.data(), rest.size());
    return absl::OkStatus();
  });
  if (!read.ok() || carried.empty()) return read;
  return give(carried, static_cast<int64_t>(carried.size()));
}

Number ParseNumber(absl::string_view text, float& value) {
  double parsed = 0;
  if (!absl::SimpleAtod(text, &parsed)) return Number::kNone;
  value = static_cast<float>(parsed);
  return std::isfinite(value) ? Number::kFinite : Number::kNotFinite;
}

std::string NumberError(Number kind, absl::string_view text) {
  constexpr size_t kShown = 40;
  const std::string shown = absl::StrCat("'", absl::CEscape(text.substr(0, kShown)),
                                         text.size() > kShown ? "..." : "", "'");
  if (kind == Number::kNone) {
    return text.empty() ? "is empty; a number is required" : shown + " is not a number";
  }
  return shown + " is not a finite number in single precision";
}

absl::Status CheckText(const ByteSource& file) {
  char magic[2] = {};
  if (file.size() >= 2) {
    if (absl::Status read = file.Read(0, magic); !read.ok()) return read;
  }
  if (magic[0] == '\x1f' && magic[1] == '\x8b') {
    return absl::InvalidArgumentError(
        absl::StrCat(file.name(), " is gzip-compressed; only IDX files may be"));
  }
  if (file.size() == 0) return absl::InvalidArgumentError(absl::StrCat(file.name(), " is empty"));
  return absl::OkStatus();
}

}  // namespace gradloom
