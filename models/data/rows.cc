#include "models/data/rows.h"

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "models/data/text.h"

namespace gradloom {
namespace {

char DelimiterOf(absl::string_view line) {
  for (const char candidate : {';', ',', '\t'}) {
    if (absl::StrContains(line, candidate)) return candidate;
  }
  return ' ';
}

// Splits a row that may go on in further lines.
class RowSplitter {
 public:
  void Begin(absl::string_view line, char delimiter) {
    text_ = line;
    delimiter_ = delimiter;
    at_ = 0;
    quoted_ = doubled_ = false;
    cells_.clear();
    unquoted_.clear();
  }
  void GoOn(absl::string_view line) {
    absl::StrAppend(&joined_, "\n", line);
    text_ = joined_;
  }
  // The row so far, whose line is about to go.
  void Keep() {
    if (text_.data() != joined_.data()) joined_.assign(text_.data(), text_.size());
    text_ = joined_;
  }

  // Whether the row is complete; otherwise it ends within quotes, to be kept and gone on with. The
  // error says what is wrong but not where.
  absl::StatusOr<bool> Scan() {
    while (true) {
      if (quoted_) {
        absl::StatusOr<bool> closed = ScanQuoted();
        if (!closed.ok() || !*closed) return closed;
        if (at_ == text_.size()) return true;
        continue;
      }
      SkipSpaces();
      if (at_ == text_.size() && delimiter_ == ' ') return true;
      begin_ = at_;
      if (at_ < text_.size() && text_[at_] == '"') {
        quoted_ = true;
        begin_ = ++at_;
        continue;
      }
      const size_t end =
          std::min(text_.find_first_of(delimiter_ == ' ' ? absl::string_view(" \t")
                                                         : absl::string_view(&delimiter_, 1),
                                       at_),
                   text_.size());
      const absl::string_view cell = text_.substr(begin_, end - begin_);
      cells_.push_back({begin_, absl::StripTrailingAsciiWhitespace(cell).size(), false});
      if (end == text_.size()) return true;
      at_ = end + 1;
    }
  }

  absl::string_view text() const { return text_; }
  // Of a complete row.
  std::span<const absl::string_view> Cells() {
    views_.clear();
    for (const Cell& cell : cells_) {
      absl::string_view view = text_.substr(cell.begin, cell.size);
      if (cell.doubled) {
        view = unquoted_.emplace_back(absl::StrReplaceAll(view, {{"\"\"", "\""}}));
      }
      views_.push_back(view);
    }
    return views_;
  }

 private:
  struct Cell {
    size_t begin;
    size_t size;
    bool doubled;  // holds doubled quotes
  };

  bool IsSpace(char c) const { return (c == ' ' || c == '\t') && (c != delimiter_ || c == ' '); }
  void SkipSpaces() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }

  // From within quotes to behind the delimiter that follows them, or to the row's end. False: the
  // quotes are not closed.
  absl::StatusOr<bool> ScanQuoted() {
    while (true) {
      const size_t quote = text_.find('"', at_);
      if (quote == absl::string_view::npos) {
        at_ = text_.size();
        return false;
      }
      at_ = quote + 1;
      if (at_ == text_.size() || text_[at_] != '"') break;
      doubled_ = true;
      ++at_;
    }
    cells_.push_back({begin_, at_ - 1 - begin_, doubled_});
    quoted_ = doubled_ = false;
    const size_t behind = at_;
    SkipSpaces();
    if (at_ == text_.size() || (delimiter_ == ' ' && at_ > behind)) return true;
    if (text_[at_] != delimiter_) {
      return absl::InvalidArgumentError(absl::StrCat(
          "after the closing quote of cell ", cells_.size() - 1, ": ", Shown(text_.substr(at_, 20)),
          "; legal: the delimiter ", Shown(absl::string_view(&delimiter_, 1))));
    }
    ++at_;
    // A delimiter at the end is followed by an empty cell.
    if (at_ == text_.size()) cells_.push_back({at_, 0, false});
    return true;
  }

  absl::string_view text_;
  std::string joined_;  // a row of several lines
  char delimiter_ = ',';
  size_t at_ = 0;
  size_t begin_ = 0;  // of the cell at at_
  bool quoted_ = false;
  bool doubled_ = false;
  std::vector<Cell> cells_;
  std::vector<absl::string_view> views_;
  std::deque<std::string> unquoted_;
};

// Holds back rows of empty cells until a row with more shows that they do not end the text.
class RowReader {
 public:
  RowReader(const ByteSource& file, RowFormat format, RowSink take)
      : file_(file), format_(format), take_(take) {}

  absl::Status TakeLine(absl::string_view line, int64_t offset) {
    ++line_;
    if (open_) {
      if (splitter_.text().size() + line.size() > kMaxLineBytes) return Invalid(NotClosed());
      splitter_.GoOn(line);
    } else {
      if (IsSkipped(line)) return absl::OkStatus();
      row_.line = line_;
      row_.offset = offset;
      splitter_.Begin(line, format_.delimiter == RowFormat::kAnyDelimiter ? DelimiterOf(line)
                                                                          : format_.delimiter);
    }
    const absl::StatusOr<bool> complete = splitter_.Scan();
    if (!complete.ok()) return Invalid(complete.status().message());
    open_ = !*complete;
    if (!open_) return Give();
    splitter_.Keep();
    return absl::OkStatus();
  }

  absl::Status Finish() const { return open_ ? Invalid(NotClosed()) : absl::OkStatus(); }

 private:
  bool IsSkipped(absl::string_view line) const {
    if (format_.comments && absl::StartsWith(line, "#")) return true;
    return std::all_of(line.begin(), line.end(), [this](char c) {
      return absl::ascii_isspace(c) && (c != format_.delimiter || c == ' ');
    });
  }

  absl::Status Give() {
    row_.text = splitter_.text();
    row_.cells = splitter_.Cells();
    const bool empty = std::all_of(row_.cells.begin(), row_.cells.end(),
                                   [](absl::string_view cell) { return cell.empty(); });
    if (empty) {
      if (held_.line == 0) {
        held_ = {row_.line, row_.offset, "", {}};
        held_cells_.assign(row_.cells.size(), "");
      }
      return absl::OkStatus();
    }
    if (held_.line != 0) {
      held_.cells = held_cells_;
      if (absl::Status taken = take_(held_); !taken.ok()) return taken;
      held_ = {};
    }
    return take_(row_);
  }

  absl::Status Invalid(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(file_.name(), ", line ", row_.line, ": ", what));
  }
  static absl::string_view NotClosed() { return "a quote is not closed before the file's end"; }

  const ByteSource& file_;
  RowFormat format_;
  RowSink take_;
  RowSplitter splitter_;
  bool open_ = false;  // the row ends within quotes so far
  int64_t line_ = 0;
  Row row_;
  Row held_;  // the first of the rows that are held back; line 0: none
  std::vector<absl::string_view> held_cells_;
};

// What R, pandas, databases and UCI's collections write for a value that is missing.
bool SaysMissing(absl::string_view cell) {
  static constexpr absl::string_view kMarks[] = {"na",   "n/a", "#n/a", "<na>", "null",
                                                 "none", "?",   "-",    ".",    "#null!"};
  return std::any_of(std::begin(kMarks), std::end(kMarks),
                     [&](absl::string_view mark) { return absl::EqualsIgnoreCase(cell, mark); });
}

// What has none may be a number as others write them: 0,5 or 1/2 or 12%.
bool HasLetter(absl::string_view cell) {
  return std::any_of(cell.begin(), cell.end(),
                     [](char c) { return absl::ascii_isalpha(c) || !absl::ascii_isascii(c); });
}

}  // namespace

std::optional<char> ParseDelimiter(absl::string_view text) {
  if (text == "\\t" || text == "tab") return '\t';
  if (text.size() != 1 || absl::ascii_isalnum(text[0]) || text[0] == '\0' ||
      absl::StrContains("\"\r\n+-.", text[0])) {
    return std::nullopt;
  }
  return text[0];
}

absl::Status ForEachRow(const ByteSource& file, int64_t offset, int64_t length, RowFormat format,
                        RowSink take) {
  RowReader rows(file, format, take);
  absl::Status read =
      ForEachLine(file, offset, length, [&](absl::string_view line, int64_t line_offset) {
        return rows.TakeLine(line, line_offset);
      });
  return read.ok() ? rows.Finish() : read;
}

RowKind KindOf(std::span<const absl::string_view> cells) {
  bool names = false, numbers = false;
  for (const absl::string_view cell : cells) {
    double value = 0;
    if (ParseNumber(cell, value) != Number::kNone) {
      numbers = true;
    } else if (HasLetter(cell) && !SaysMissing(cell)) {
      names = true;
    }
  }
  if (!names) return RowKind::kNumbers;
  return numbers ? RowKind::kNamesAndNumbers : RowKind::kNames;
}

absl::Status ForEachNumbers(const ByteSource& file, NumbersSink take) {
  const RowFormat format{.delimiter = RowFormat::kAnyDelimiter, .comments = true};
  Header header;
  bool first = true, first_below = true;
  size_t skipped = 0;  // cells of a row
  std::vector<double> numbers;
  return ForEachRow(file, 0, file.size(), format, [&](const Row& row) -> absl::Status {
    if (first) {
      first = false;
      if (KindOf(row.cells) == RowKind::kNames) {
        header = Header(row.cells);
        return absl::OkStatus();
      }
    }
    if (first_below) skipped = header.RowsHaveNames(row.cells.size()) ? 1 : 0;
    first_below = false;
    numbers.clear();
    for (size_t column = skipped; column < row.cells.size(); ++column) {
      double value = 0;
      const absl::string_view cell = row.cells[column];
      if (const Number kind = ParseNumber(cell, value); kind != Number::kFinite) {
        return absl::InvalidArgumentError(absl::StrCat(file.name(), ", line ", row.line,
                                                       ", column ", column + 1, ": ",
                                                       NumberError(kind, cell)));
      }
      numbers.push_back(value);
    }
    return take(row.line, numbers);
  });
}

}  // namespace gradloom
