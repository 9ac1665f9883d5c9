// Rows of numbers, one column of them the target. Opening reads and validates the whole file once
// and keeps where each row begins, so loading reads only its rows (of a gzip file: up to them).
#include "models/data/csv.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/data/byte_source.h"
#include "models/data/rows.h"
#include "models/data/targets.h"
#include "models/data/text.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

using Cells = std::span<const absl::string_view>;

class CsvDataset final : public Dataset {
 public:
  absl::Status Open(const v1::CsvSource& source, const std::string& field,
                    const std::string& base_folder) {
    format_.delimiter = *ParseDelimiter(source.delimiter());
    absl::StatusOr<std::unique_ptr<ByteSource>> file =
        OpenText(source.file(), field + ".file", base_folder);
    if (!file.ok()) return file.status();
    file_ = *std::move(file);
    if (absl::Status read = Index(source, field); !read.ok()) return read;
    info_.examples = static_cast<int64_t>(targets_.size());
    info_.features = columns_ - named_rows_ - 1;
    if (info_.examples == 0) {
      return absl::InvalidArgumentError(absl::StrCat(file_->name(), " has no rows"));
    }
    const uint64_t settings =
        Crc32c(absl::StrCat("csv ", target_, " ", has_header_, " ", int{format_.delimiter}));
    info_.checksum = settings << 32 | file_->checksum();
    return absl::OkStatus();
  }

  absl::StatusOr<Examples> Load(int64_t begin, int64_t end) const override {
    if (absl::Status range = CheckLoad(begin, end); !range.ok()) return range;
    Examples examples;
    examples.features = info_.features;
    examples.dense.reserve((end - begin) * info_.features);
    float target = 0;
    const int64_t offset = row_offset_[begin];
    absl::Status read = ForEachRow(*file_, offset, row_offset_[end] - offset, format_,
                                   [&](const Row& row) -> absl::Status {
                                     ++examples.rows;
                                     if (!ParseRow(row.cells, target, &examples.dense).ok()) {
                                       return Changed();
                                     }
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

  // Learns from the first row whether it is a header. A target that it names makes it one.
  absl::Status ReadFirst(const Row& row, const v1::CsvSource& source, const std::string& field) {
    if (row.cells.size() < 2) {
      return absl::InvalidArgumentError(absl::StrCat(
          file_->name(), " has one column; legal: two or more, split by ",
          Shown(absl::string_view(&format_.delimiter, 1)), " (", field, ".delimiter)"));
    }
    const RowKind kind = KindOf(row.cells);
    has_header_ = source.has_header() ? source.header() : kind != RowKind::kNumbers;
    if (has_header_) {
      header_ = Header(row.cells);
      for (const absl::string_view name : row.cells) names_.emplace_back(name);
    }
    const bool named =
        source.has_target() && std::count(names_.begin(), names_.end(), source.target()) > 0;
    if (source.has_header() || kind != RowKind::kNamesAndNumbers || named) return absl::OkStatus();
    const auto of = [&](bool number) {
      return Shown(*std::find_if(row.cells.begin(), row.cells.end(), [&](absl::string_view cell) {
        float value = 0;
        return (ParseNumber(cell, value) != Number::kNone) == number &&
               (number || KindOf({&cell, 1}) == RowKind::kNames);
      }));
    };
    return absl::InvalidArgumentError(absl::StrCat(
        file_->name(), ", line ", row.line, " holds ", of(false), ", which is no number, and ",
        of(true), ", which is no name: a header, or data? Say ", field,
        ".header: true if it is one, or correct the cell (header: false)"));
  }

  // Learns the columns from the first row of data, which ReadFirst may have been, too.
  absl::Status ReadColumns(const Row& row, const v1::CsvSource& source, const std::string& field) {
    columns_ = static_cast<int64_t>(row.cells.size());
    named_rows_ = header_.RowsHaveNames(row.cells.size()) ? 1 : 0;
    if (has_header_ && named_rows_ == 0 && row.cells.size() != names_.size()) {
      return absl::InvalidArgumentError(absl::StrCat(file_->name(), ", line ", row.line, ": ",
                                                     columns_, " cells; the header has ",
                                                     names_.size()));
    }
    if (columns_ - named_rows_ < 2) {
      return absl::InvalidArgumentError(
          absl::StrCat(file_->name(), ", line ", row.line,
                       " has one column beside its name; legal: two or more"));
    }
    return FindTarget(source, field);
  }

  absl::Status FindTarget(const v1::CsvSource& source, const std::string& field) {
    target_ = columns_ - 1;
    if (!source.has_target()) return absl::OkStatus();
    const auto name = std::find(names_.begin(), names_.end(), source.target());
    if (name != names_.end()) {
      if (std::find(name + 1, names_.end(), *name) != names_.end()) {
        return absl::InvalidArgumentError(absl::StrCat(field, ".target: ", Shown(*name),
                                                       " is the name of two columns; give ",
                                                       "a number from 0"));
      }
      // A header without a name for the rows' names is one cell shorter.
      target_ = name - names_.begin() + (columns_ - static_cast<int64_t>(names_.size()));
    } else if (!absl::SimpleAtoi(source.target(), &target_)) {
      target_ = -1;
    }
    if (named_rows_ <= target_ && target_ < columns_) return absl::OkStatus();
    std::string names;
    if (has_header_) {
      const size_t shown = std::min<size_t>(names_.size(), 20);
      names = absl::StrCat(" or one of the header's names ",
                           absl::StrJoin(names_.begin(), names_.begin() + shown, ", "),
                           shown < names_.size() ? ", ..." : "");
    }
    return absl::InvalidArgumentError(absl::StrCat(field, ".target: ", Shown(source.target()),
                                                   "; legal: ", named_rows_, " to ", columns_ - 1,
                                                   names));
  }

  // Appends the row's features unless `features` is null; the error says what is wrong but not
  // where.
  absl::Status ParseRow(Cells cells, float& target, std::vector<float>* features) const {
    if (static_cast<int64_t>(cells.size()) != columns_) {
      return absl::InvalidArgumentError(
          absl::StrCat(cells.size(), " cells; the rows before have ", columns_));
    }
    for (int64_t column = named_rows_; column < columns_; ++column) {
      float value = 0;
      if (const Number kind = ParseNumber(cells[column], value); kind != Number::kFinite) {
        return absl::InvalidArgumentError(
            absl::StrCat("column ", column, ": ", NumberError(kind, cells[column])));
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
    TargetScan scan(absl::StrCat(file_->name(), ", line "));
    bool first = true;
    absl::Status read =
        ForEachRow(*file_, 0, file_->size(), format_, [&](const Row& row) -> absl::Status {
          if (std::exchange(first, false)) {
            if (absl::Status s = ReadFirst(row, source, field); !s.ok()) return s;
            if (has_header_) return absl::OkStatus();
          }
          if (columns_ == 0) {
            if (absl::Status s = ReadColumns(row, source, field); !s.ok()) return s;
          }
          float target = 0;
          if (absl::Status s = ParseRow(row.cells, target, nullptr); !s.ok()) {
            const bool maybe_header = targets_.empty() && !has_header_ && !source.has_header();
            return absl::InvalidArgumentError(absl::StrCat(
                file_->name(), ", line ", row.line, ": ", s.message(),
                maybe_header
                    ? absl::StrCat("; if this row is a header, say ", field, ".header: true")
                    : ""));
          }
          row_offset_.push_back(row.offset);
          targets_.push_back(target);
          scan.Add(target, row.line);
          return CheckExampleCount(file_->name(), static_cast<int64_t>(targets_.size()));
        });
    row_offset_.push_back(file_->size());
    scan.Tell(info_);
    return read;
  }

  std::unique_ptr<ByteSource> file_;
  RowFormat format_;
  bool has_header_ = false;
  Header header_;
  std::vector<std::string> names_;  // the header's
  int64_t columns_ = 0;             // of a row of data
  int64_t named_rows_ = 0;          // 1 if rows begin with a name, which is left out
  int64_t target_ = 0;
  std::vector<int64_t> row_offset_;  // rows + 1
  std::vector<float> targets_;
};

}  // namespace

void FillCsv(v1::CsvSource* source) {
  if (source->delimiter().empty()) source->set_delimiter(",");
}

void CheckCsv(const v1::CsvSource& source, const std::string& field, Findings* findings) {
  findings->RequireText(source.file(), field + ".file", "a file");
  findings->Require(ParseDelimiter(source.delimiter()).has_value(), field + ".delimiter",
                    Shown(source.delimiter()), kLegalDelimiter);
}

DatasetOr OpenCsv(const v1::CsvSource& source, const std::string& field,
                  const std::string& base_folder) {
  auto dataset = std::make_unique<CsvDataset>();
  if (absl::Status opened = dataset->Open(source, field, base_folder); !opened.ok()) return opened;
  return dataset;
}

extern const SourceKind kCsvSource = {
    .spec = {.kind = v1::DataSource::kCsv,
             .fill = [](v1::DataSource* source) { FillCsv(source->mutable_csv()); },
             .check = [](const v1::DataSource& source, const std::string& field,
                         Findings* findings) { CheckCsv(source.csv(), field, findings); }},
    .open = [](const v1::DataSource& source, const std::string& field,
               const std::string& base_folder) {
      return OpenCsv(source.csv(), field, base_folder);
    }};

}  // namespace gradloom
