// Rows of cells in a text (RFC 4180): cells are split by a delimiter and may stand in double
// quotes, within which delimiters, line ends and doubled quotes belong to the cell. Spaces around a
// cell are no part of it. Blank lines are skipped, and so are rows of nothing but empty cells at
// the text's end, which spreadsheets append; anywhere else such a row is one whose values are
// missing.
#ifndef GRADLOOM_MODELS_DATA_ROWS_H_
#define GRADLOOM_MODELS_DATA_ROWS_H_

#include <cstdint>
#include <optional>
#include <span>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/byte_source.h"

namespace gradloom {

struct RowFormat {
  // What the line has of: semicolons, else commas, else tabs, else spaces.
  static constexpr char kAnyDelimiter = '\0';

  char delimiter = ',';   // ' ': any run of spaces and tabs
  bool comments = false;  // lines that begin with '#' are skipped
};

// kLegalDelimiter, in which "\t" is what remains of it in YAML without quotes or in single ones.
std::optional<char> ParseDelimiter(absl::string_view text);
inline constexpr absl::string_view kLegalDelimiter =
    "one character that is no letter, digit, sign, point, quote or line end; \\t or tab for a tab";

struct Row {
  int64_t line = 0;    // its first line's number, from 1
  int64_t offset = 0;  // its first byte's
  absl::string_view text;
  std::span<const absl::string_view> cells;  // one at least
};

// Calls `take` with every row of bytes [offset, offset + length), where a line begins. Its views
// are valid during the call. An error from `take` ends the reading; InvalidArgument names file and
// line of a quote that is not closed, or closed within a cell.
using RowSink = absl::FunctionRef<absl::Status(const Row& row)>;
absl::Status ForEachRow(const ByteSource& file, int64_t offset, int64_t length, RowFormat format,
                        RowSink take);

// What a row is by the look of it: a header is a row of names without a number. Names have letters;
// a cell that says that a value is missing (NA, NULL, ...) is none.
enum class RowKind { kNumbers, kNames, kNamesAndNumbers };
RowKind KindOf(std::span<const absl::string_view> cells);

// A header, and what it says about the rows below it.
class Header {
 public:
  Header() = default;  // none
  explicit Header(std::span<const absl::string_view> names)
      : names_(names.size()), first_is_empty_(names[0].empty()) {}
  // Whether rows of so many cells begin with a name of theirs: R's and pandas' headers leave its
  // column out, or its name empty.
  bool RowsHaveNames(size_t cells) const {
    return names_ > 0 && (cells == names_ + 1 || (cells == names_ && first_is_empty_));
  }

 private:
  size_t names_ = 0;
  bool first_is_empty_ = false;
};

// Calls `take` with every row's numbers, whatever the delimiter; comments, a header and names of
// rows are skipped. InvalidArgument names file, line and column of a cell that is no finite number.
using NumbersSink = absl::FunctionRef<absl::Status(int64_t line, std::span<const double> numbers)>;
absl::Status ForEachNumbers(const ByteSource& file, NumbersSink take);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_ROWS_H_
