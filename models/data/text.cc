#include "models/data/text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

constexpr absl::string_view kUtf8Mark = "\xef\xbb\xbf";

// What a file's first bytes say that it is, if that is no text in UTF-8; otherwise empty.
absl::string_view NoText(absl::string_view begin) {
  struct Kind {
    absl::string_view magic;
    absl::string_view is;
  };
  static constexpr Kind kKinds[] = {
      {absl::string_view("\xff\xfe\0\0", 4), "text in UTF-32"},
      {absl::string_view("\0\0\xfe\xff", 4), "text in UTF-32"},
      {"\xff\xfe", "text in UTF-16"},
      {"\xfe\xff", "text in UTF-16"},
      {"PK\x03\x04", "a zip archive (as spreadsheets' own files are)"},
      {"\xd0\xcf\x11\xe0", "an old spreadsheet's own file"},
      {"\xfd"
       "7zXZ",
       "compressed by xz"},
      {"\x28\xb5\x2f\xfd", "compressed by zstd"},
      {"\x1f\x8b", "compressed by gzip twice"},
  };
  for (const Kind& kind : kKinds) {
    if (absl::StartsWith(begin, kind.magic)) return kind.is;
  }
  // Without a mark, UTF-16 betrays itself by the zero half of its first plain character.
  if (absl::StrContains(begin.substr(0, 4), '\0')) return "binary, or text in UTF-16";
  return {};
}

// Hands out lines, whatever blocks the bytes come in.
class LineSplitter {
 public:
  LineSplitter(const ByteSource& file, int64_t offset, LineSink take)
      : file_(file), take_(take), start_(offset), at_beginning_(offset == 0) {}

  absl::Status Take(absl::string_view block) {
    if (at_beginning_) {
      if (absl::Status begun = Begin(block); !begun.ok()) return begun;
    }
    if (after_return_ && block[0] == '\n') {
      block.remove_prefix(1);
      ++start_;
    }
    after_return_ = false;
    // Both are looked up ahead: a search for the one that a file lacks would cost the rest of the
    // block for every line.
    size_t begin = 0, feed = block.find('\n'), carriage_return = block.find('\r');
    while (std::min(feed, carriage_return) != absl::string_view::npos) {
      const size_t end = std::min(feed, carriage_return);
      const bool pair = carriage_return + 1 == feed;
      after_return_ = end == block.size() - 1 && end == carriage_return;
      const size_t next = pair ? feed + 1 : end + 1;
      if (absl::Status given = Give(block.substr(begin, end - begin), next - begin); !given.ok()) {
        return given;
      }
      begin = next;
      if (feed < begin) feed = block.find('\n', begin);
      if (carriage_return < begin) carriage_return = block.find('\r', begin);
    }
    return Carry(block.substr(begin));
  }

  absl::Status Finish() { return carried_.empty() ? absl::OkStatus() : Give({}, 0); }

 private:
  absl::Status Begin(absl::string_view& block) {
    at_beginning_ = false;
    if (absl::StartsWith(block, kUtf8Mark)) {
      block.remove_prefix(kUtf8Mark.size());
      // The first line begins where the file does: whoever reads from there meets the mark again.
      mark_ = static_cast<int64_t>(kUtf8Mark.size());
    }
    const absl::string_view is = NoText(block);
    if (is.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(file_.name(), " is ", is, "; legal: text in UTF-8, plain or gzip-compressed"));
  }

  // A line's end, whose beginning may have been carried; `bytes` as they are in this block.
  absl::Status Give(absl::string_view line, size_t bytes) {
    const int64_t start = start_;
    start_ += mark_ + static_cast<int64_t>(carried_.size() + bytes);
    mark_ = 0;
    ++number_;
    if (carried_.empty()) return take_(line, start);
    if (absl::Status carried = Carry(line); !carried.ok()) return carried;
    absl::Status taken = take_(carried_, start);
    carried_.clear();
    return taken;
  }

  absl::Status Carry(absl::string_view part) {
    if (carried_.size() + part.size() > kMaxLineBytes) {
      return absl::InvalidArgumentError(absl::StrCat(file_.name(), ", line ", number_,
                                                     " is longer than ", kMaxLineBytes, " bytes"));
    }
    carried_.append(part.data(), part.size());
    return absl::OkStatus();
  }

  const ByteSource& file_;
  LineSink take_;
  int64_t start_;  // where the line begins
  bool at_beginning_;
  int64_t mark_ = 0;           // bytes of the mark before the first line
  bool after_return_ = false;  // the block before ended in a '\r', and with it a line
  int64_t number_ = 1;
  std::string carried_;  // a line's beginning, from earlier blocks
};

template <typename T>
Number ParseAs(absl::string_view text, T& value) {
  double parsed = 0;
  if (!absl::SimpleAtod(text, &parsed)) return Number::kNone;
  value = static_cast<T>(parsed);
  return std::isfinite(value) ? Number::kFinite : Number::kNotFinite;
}

// "0,5", as it is written where the decimal point is a comma.
bool HasDecimalComma(absl::string_view text) {
  const size_t comma = text.find(',');
  if (comma == absl::string_view::npos) return false;
  std::string with_point(text);
  with_point[comma] = '.';
  double value = 0;
  return absl::SimpleAtod(with_point, &value);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSource>> OpenText(absl::string_view path,
                                                     absl::string_view field,
                                                     absl::string_view base_folder) {
  absl::StatusOr<std::unique_ptr<ByteSource>> file = OpenFile(path, field, base_folder);
  if (file.ok() && (*file)->size() == 0) {
    return absl::InvalidArgumentError(absl::StrCat((*file)->name(), " is empty"));
  }
  return file;
}

absl::StatusOr<std::string> ReadTextFile(absl::string_view path, absl::string_view field,
                                         absl::string_view base_folder, int64_t most) {
  const absl::StatusOr<std::unique_ptr<ByteSource>> file = OpenText(path, field, base_folder);
  if (!file.ok()) return file.status();
  if ((*file)->size() > most) {
    return absl::InvalidArgumentError(
        absl::StrCat((*file)->name(), " has ", (*file)->size(), " bytes; legal: up to ", most));
  }
  std::string text(static_cast<size_t>((*file)->size()), '\0');
  if (absl::Status read = (*file)->Read(0, text); !read.ok()) return read;
  return text;
}

absl::Status ForEachLine(const ByteSource& file, int64_t offset, int64_t length, LineSink take) {
  LineSplitter lines(file, offset, take);
  absl::Status read = file.Stream(offset, length, [&](std::span<const char> block) {
    return lines.Take({block.data(), block.size()});
  });
  return read.ok() ? lines.Finish() : read;
}

Number ParseNumber(absl::string_view text, float& value) { return ParseAs(text, value); }
Number ParseNumber(absl::string_view text, double& value) { return ParseAs(text, value); }

std::string NumberError(Number kind, absl::string_view text) {
  double value = 0;
  if (kind == Number::kNotFinite) {
    const bool large = ParseNumber(text, value) == Number::kFinite;
    return absl::StrCat(Shown(text), " is not a finite number",
                        large ? " in single precision" : "");
  }
  if (text.empty()) return "is empty; a number is required";
  return absl::StrCat(Shown(text), " is not a number",
                      HasDecimalComma(text) ? " (its decimal point must be a point)" : "");
}

std::string Shown(absl::string_view text) {
  constexpr size_t kShownBytes = 80;
  const bool whole = text.size() <= kShownBytes;
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(text.substr(0, kShownBytes)),
                      whole ? "'" : absl::StrCat("...' (", text.size(), " bytes)"));
}

}  // namespace gradloom
