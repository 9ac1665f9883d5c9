// LIBSVM text: "label index:value index:value ... # comment", indices from 1, ascending. Opening
// reads and validates the whole file once and keeps where each row begins, so loading reads only
// its rows (of a gzip file: up to them).
#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "models/data/byte_source.h"
#include "models/data/sources.h"
#include "models/data/targets.h"
#include "models/data/text.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

constexpr int64_t kMostFeatures = std::numeric_limits<int32_t>::max();

// The next word of a line, or an empty one at its end.
absl::string_view NextWord(absl::string_view& line) {
  line = absl::StripLeadingAsciiWhitespace(line);
  size_t length = 0;
  while (length < line.size() && !absl::ascii_isspace(line[length])) ++length;
  const absl::string_view word = line.substr(0, length);
  line.remove_prefix(length);
  return word;
}

absl::string_view WithoutComment(absl::string_view line) {
  return absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
}

struct Row {
  float target = 0;
  std::vector<int32_t> column;  // from 0, ascending
  std::vector<float> value;
};

// Reads one line (not blank) into `row`; the error says what is wrong but not where.
absl::Status ParseRow(absl::string_view line, int64_t features, Row& row) {
  row.column.clear();
  row.value.clear();
  absl::string_view word = NextWord(line);
  if (const Number kind = ParseNumber(word, row.target); kind != Number::kFinite) {
    return absl::InvalidArgumentError(absl::StrCat("the label ", NumberError(kind, word)));
  }
  int64_t before = 0;
  for (word = NextWord(line); !word.empty(); word = NextWord(line)) {
    const size_t colon = word.find(':');
    int64_t index = 0;
    if (colon == absl::string_view::npos || !absl::SimpleAtoi(word.substr(0, colon), &index)) {
      return absl::InvalidArgumentError(absl::StrCat("after the label: ", "'",
                                                     absl::CEscape(word.substr(0, 40)),
                                                     "' is not an index:value pair"));
    }
    if (index < 1 || index > features) {
      return absl::InvalidArgumentError(absl::StrCat("index ", index, "; legal: 1 to ", features));
    }
    if (index <= before) {
      return absl::InvalidArgumentError(
          absl::StrCat("index ", index, " follows ", before, "; indices must ascend"));
    }
    before = index;
    float value = 0;
    const absl::string_view text = word.substr(colon + 1);
    if (const Number kind = ParseNumber(text, value); kind != Number::kFinite) {
      return absl::InvalidArgumentError(
          absl::StrCat("index ", index, ": the value ", NumberError(kind, text)));
    }
    row.column.push_back(static_cast<int32_t>(index - 1));
    row.value.push_back(value);
  }
  return absl::OkStatus();
}

class LibsvmDataset final : public Dataset {
 public:
  absl::Status Open(const v1::LibsvmSource& source, const std::string& field,
                    const std::string& base_folder) {
    const auto features =
        source.has_features() ? static_cast<int64_t>(source.features()) : kMostFeatures;
    absl::StatusOr<std::unique_ptr<ByteSource>> file =
        OpenText(source.file(), field + ".file", base_folder);
    if (!file.ok()) return file.status();
    file_ = *std::move(file);
    const absl::StatusOr<int64_t> largest = Index(features);
    if (!largest.ok()) return largest.status();
    info_.sparse = true;
    info_.features = source.has_features() ? features : *largest;
    info_.examples = static_cast<int64_t>(targets_.size());
    if (info_.examples == 0) {
      return absl::InvalidArgumentError(absl::StrCat(file_->name(), " has no rows"));
    }
    if (info_.features == 0) {
      return absl::InvalidArgumentError(absl::StrCat(file_->name(), " has no features"));
    }
    info_.checksum = file_->checksum();
    if (source.has_features()) {
      const uint64_t width = Crc32c(absl::StrCat("libsvm ", features));
      info_.checksum |= width << 32;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Examples> Load(int64_t begin, int64_t end) const override {
    if (absl::Status range = CheckLoad(begin, end); !range.ok()) return range;
    Examples examples;
    examples.features = info_.features;
    examples.sparse = true;
    examples.row_start.push_back(0);
    Row row;
    const int64_t offset = row_offset_[begin];
    absl::Status read = ForEachLine(
        *file_, offset, row_offset_[end] - offset,
        [&](absl::string_view line, int64_t) -> absl::Status {
          line = WithoutComment(line);
          if (line.empty()) return absl::OkStatus();
          if (absl::Status parsed = ParseRow(line, info_.features, row); !parsed.ok()) {
            return Changed();
          }
          examples.targets.push_back(row.target);
          examples.column.insert(examples.column.end(), row.column.begin(), row.column.end());
          examples.value.insert(examples.value.end(), row.value.begin(), row.value.end());
          examples.row_start.push_back(static_cast<int64_t>(examples.column.size()));
          return absl::OkStatus();
        });
    if (!read.ok()) return read;
    examples.rows = static_cast<int64_t>(examples.targets.size());
    if (examples.rows != end - begin) return Changed();
    std::copy(targets_.begin() + begin, targets_.begin() + end, examples.targets.begin());
    return examples;
  }

 private:
  absl::Status Changed() const {
    return absl::DataLossError(absl::StrCat(file_->name(), " has changed since it was opened"));
  }

  // Fills row_offset_ and targets_; returns the largest index.
  absl::StatusOr<int64_t> Index(int64_t features) {
    TargetScan scan(absl::StrCat(file_->name(), ", line "));
    Row row;
    int64_t largest = 0;
    int64_t number = 0;
    absl::Status read = ForEachLine(
        *file_, 0, file_->size(), [&](absl::string_view line, int64_t offset) -> absl::Status {
          ++number;
          line = WithoutComment(line);
          if (line.empty()) return absl::OkStatus();
          if (absl::Status parsed = ParseRow(line, features, row); !parsed.ok()) {
            return absl::InvalidArgumentError(
                absl::StrCat(file_->name(), ", line ", number, ": ", parsed.message()));
          }
          row_offset_.push_back(offset);
          targets_.push_back(row.target);
          scan.Add(row.target, number);
          if (!row.column.empty()) largest = std::max<int64_t>(largest, row.column.back() + 1);
          return CheckExampleCount(file_->name(), static_cast<int64_t>(targets_.size()));
        });
    if (!read.ok()) return read;
    row_offset_.push_back(file_->size());
    scan.Tell(info_);
    return largest;
  }

  std::unique_ptr<ByteSource> file_;
  std::vector<int64_t> row_offset_;  // rows + 1
  std::vector<float> targets_;
};

constexpr NumberField kNumbers[] = {{"features", Within(1, kMostFeatures)}};

void Check(const v1::DataSource& source, const std::string& field, Findings* findings) {
  findings->RequireText(source.libsvm().file(), field + ".file", "a file");
}

DatasetOr Open(const v1::DataSource& source, const std::string& field,
               const std::string& base_folder) {
  auto dataset = std::make_unique<LibsvmDataset>();
  absl::Status opened = dataset->Open(source.libsvm(), field, base_folder);
  if (!opened.ok()) return opened;
  return dataset;
}

}  // namespace

extern const SourceKind kLibsvmSource = {
    .spec = {.kind = v1::DataSource::kLibsvm, .numbers = kNumbers, .check = Check}, .open = Open};

}  // namespace gradloom
