// CSV after RFC 4180: cells split by a delimiter, optionally in double quotes, which may then hold
// delimiters, line ends and doubled quotes. Blank lines are skipped. Opening reads and validates
// the whole file once and keeps where each row begins, so loading reads only its rows.
#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/data/byte_source.h"
#include "models/data/sources.h"
#include "models/data/targets.h"
#include "models/data/text.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

// Cells of one record. Quoted cells that hold quotes are kept in `unquoted`.
struct Cells {
  std::vector<absl::string_view> cell;
  std::deque<std::string> unquoted;
};

// The error says what is wrong but not where.
absl::Status Split(absl::string_view record, char delimiter, Cells& cells) {
  cells.cell.clear();
  cells.unquoted.clear();
  while (true) {
    if (record.empty() || record[0] != '"') {
      const size_t end = record.find(delimiter);
      cells.cell.push_back(absl::StripAsciiWhitespace(record.substr(0, end)));
      if (end == absl::string_view::npos) return absl::OkStatus();
      record.remove_prefix(end + 1);
      continue;
    }
    std::string& text = cells.unquoted.emplace_back();
    size_t i = 1;
    for (; i < record.size(); ++i) {
      if (record[i] == '"') {
        if (i + 1 >= record.size() || record[i + 1] != '"') break;
        ++i;
      }
      text.push_back(record[i]);
    }
    if (i == record.size()) return absl::InvalidArgumentError("a quote is not closed");
    cells.cell.push_back(text);
    record.remove_prefix(i + 1);
    if (record.empty()) return absl::OkStatus();
    if (record[0] != delimiter) {
      return absl::InvalidArgumentError(
          absl::StrCat("after the closing quote of cell ", cells.cell.size() - 1, ": '",
                       absl::CEscape(record.substr(0, 20)), "'; legal: the delimiter '",
                       absl::CEscape(absl::string_view(&delimiter, 1)), "'"));
    }
    record.remove_prefix(1);
  }
}

// Calls `take` with every record that is not blank, the number of its first line (from 1) and its
// offset. Lines with an odd number of quotes go on in the next line.
using RecordSink =
    absl::FunctionRef<absl::Status(absl::string_view record, int64_t line, int64_t offset)>;
absl::Status ForEachRecord(const ByteSource& file, int64_t offset, int64_t length,
                           RecordSink take) {
  std::string joined;
  bool open = false;
  int64_t number = 0;
  int64_t first_number = 0;
  int64_t first_offset = 0;
  absl::Status read =
      ForEachLine(file, offset, length, [&](absl::string_view line, int64_t at) -> absl::Status {
        ++number;
        if (at == 0 && line.substr(0, 3) == "\xef\xbb\xbf") line.remove_prefix(3);
        const bool odd = std::count(line.begin(), line.end(), '"') % 2 != 0;
        if (!open) {
          if (line.empty()) return absl::OkStatus();
          first_number = number;
          first_offset = at;
          if (!odd) return take(line, number, at);
          joined.assign(line.data(), line.size());
          open = true;
          return absl::OkStatus();
        }
        absl::StrAppend(&joined, "\n", line);
        if (!odd) return absl::OkStatus();
        open = false;
        return take(joined, first_number, first_offset);
      });
  if (!read.ok() || !open) return read;
  return absl::InvalidArgumentError(absl::StrCat(file.name(), ", line ", first_number,
                                                 ": a quote is not closed before the file's end"));
}

class CsvDataset final : public Dataset {
 public:
  absl::Status Open(const v1::CsvSource& source, const std::string& field,
                    const std::string& base_folder) {
    if (absl::Status legal = SetDelimiter(source, field); !legal.ok()) return legal;
    absl::StatusOr<std::unique_ptr<ByteSource>> file =
        OpenFile(source.file(), field + ".file", base_folder);
    if (!file.ok()) return file.status();
    file_ = *std::move(file);
    if (absl::Status text = CheckText(*file_); !text.ok()) return text;
    if (absl::Status read = Index(source, field); !read.ok()) return read;
    info_.examples = static_cast<int64_t>(targets_.size());
    info_.features = columns_ - 1;
    if (info_.examples == 0) {
      return absl::InvalidArgumentError(absl::StrCat(file_->name(), " has no rows"));
    }
    const uint64_t settings =
        Crc32c(absl::StrCat("csv ", target_, " ", has_header_, " ", int{delimiter_}));
    info_.checksum = settings << 32 | file_->checksum();
    return absl::OkStatus();
  }

  absl::StatusOr<Examples> Load(int64_t begin, int64_t end) const override {
    if (absl::Status range = CheckRange(begin, end, info_.examples); !range.ok()) return range;
    Examples examples;
    examples.features = info_.features;
    examples.dense.reserve((end - begin) * info_.features);
    Cells cells;
    float target = 0;
    const int64_t offset = row_offset_[begin];
    absl::Status read =
        ForEachRecord(*file_, offset, row_offset_[end] - offset,
                      [&](absl::string_view record, int64_t, int64_t) -> absl::Status {
                        ++examples.rows;
                        if (!ParseRow(record, cells, target, &examples.dense).ok())
                          return Changed();
                        return absl::OkStatus();
                      });
    if (!read.ok()) return read;
    if (examples.rows != end - begin) return Changed();
    examples.targets.assign(targets_.begin() + begin, targets_.begin() + end);
    return examples;
  }

 private:
  absl::Status Changed() const {
    return absl::DataLossError(absl::StrCat(file_->name(), " has changed since it was opened"));
  }

  absl::Status SetDelimiter(const v1::CsvSource& source, const std::string& field) {
    const std::string& given = source.delimiter();
    if (given.empty()) return absl::OkStatus();
    // A backslash and a t is what a tab becomes in unquoted YAML.
    const std::string text = given == "\\t" ? "\t" : given;
    if (text.size() != 1 || absl::ascii_isalnum(text[0]) ||
        absl::string_view("\"\r\n+-.").find(text[0]) != absl::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ".delimiter: '", absl::CEscape(given),
                       "'; legal: one character that is no letter, digit, sign, point, quote or "
                       "line end"));
    }
    delimiter_ = text[0];
    return absl::OkStatus();
  }

  // Learns the columns from the first record; whether it is a header.
  absl::Status ReadFirst(const Cells& cells, const v1::CsvSource& source,
                         const std::string& field) {
    columns_ = static_cast<int64_t>(cells.cell.size());
    if (columns_ < 2) {
      return absl::InvalidArgumentError(absl::StrCat(
          file_->name(), " has one column; legal: two or more, split by '",
          absl::CEscape(absl::string_view(&delimiter_, 1)), "' (", field, ".delimiter)"));
    }
    float number = 0;
    has_header_ = source.has_header()
                      ? source.header()
                      : std::any_of(cells.cell.begin(), cells.cell.end(), [&](auto cell) {
                          return ParseNumber(cell, number) == Number::kNone;
                        });
    target_ = columns_ - 1;
    if (!source.has_target()) return absl::OkStatus();
    if (has_header_) {
      const auto place = std::find(cells.cell.begin(), cells.cell.end(), source.target());
      if (place != cells.cell.end()) {
        target_ = place - cells.cell.begin();
        return absl::OkStatus();
      }
    }
    if (absl::SimpleAtoi(source.target(), &target_) && 0 <= target_ && target_ < columns_) {
      return absl::OkStatus();
    }
    std::string names;
    if (has_header_) {
      const size_t shown = std::min<size_t>(cells.cell.size(), 20);
      names = absl::StrCat(" or one of the header's names ",
                           absl::StrJoin(cells.cell.begin(), cells.cell.begin() + shown, ", "),
                           shown < cells.cell.size() ? ", ..." : "");
    }
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".target: '", source.target(), "'; legal: 0 to ", columns_ - 1, names));
  }

  // Appends the record's features unless `features` is null; the error says what is wrong but not
  // where.
  absl::Status ParseRow(absl::string_view record, Cells& cells, float& target,
                        std::vector<float>* features) const {
    if (absl::Status split = Split(record, delimiter_, cells); !split.ok()) return split;
    if (static_cast<int64_t>(cells.cell.size()) != columns_) {
      return absl::InvalidArgumentError(
          absl::StrCat(cells.cell.size(), " cells; the first row has ", columns_));
    }
    for (int64_t column = 0; column < columns_; ++column) {
      float value = 0;
      const absl::string_view text = cells.cell[column];
      if (const Number kind = ParseNumber(text, value); kind != Number::kFinite) {
        return absl::InvalidArgumentError(
            absl::StrCat("column ", column, ": ", NumberError(kind, text)));
      }
      if (column == target_) {
        target = value;
      } else if (features != nullptr) {
        features->push_back(value);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Index(const v1::CsvSource& source, const std::string& field) {
    TargetScan scan;
    Cells cells;
    bool first = true;
    absl::Status read =
        ForEachRecord(*file_, 0, file_->size(),
                      [&](absl::string_view record, int64_t line, int64_t offset) -> absl::Status {
                        const auto at_line = [&](const absl::Status& error) {
                          return absl::InvalidArgumentError(
                              absl::StrCat(file_->name(), ", line ", line, ": ", error.message()));
                        };
                        if (first) {
                          first = false;
                          if (absl::Status s = Split(record, delimiter_, cells); !s.ok())
                            return at_line(s);
                          if (absl::Status s = ReadFirst(cells, source, field); !s.ok()) return s;
                          if (has_header_) return absl::OkStatus();
                        }
                        float target = 0;
                        if (absl::Status s = ParseRow(record, cells, target, nullptr); !s.ok()) {
                          return at_line(s);
                        }
                        row_offset_.push_back(offset);
                        targets_.push_back(target);
                        scan.Add(target);
                        return absl::OkStatus();
                      });
    row_offset_.push_back(file_->size());
    info_.class_labels = scan.ClassLabels();
    info_.classes = static_cast<int>(info_.class_labels.size());
    ToClassNumbers(info_.class_labels, targets_);
    return read;
  }

  std::unique_ptr<ByteSource> file_;
  char delimiter_ = ',';
  bool has_header_ = false;
  int64_t columns_ = 0;
  int64_t target_ = 0;
  std::vector<int64_t> row_offset_;  // rows + 1
  std::vector<float> targets_;
};

}  // namespace

DatasetOr OpenCsv(const v1::CsvSource& source, const std::string& field,
                  const std::string& base_folder) {
  auto dataset = std::make_unique<CsvDataset>();
  if (absl::Status opened = dataset->Open(source, field, base_folder); !opened.ok()) return opened;
  return dataset;
}

}  // namespace gradloom
