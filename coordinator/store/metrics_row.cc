#include "coordinator/store/metrics_row.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace gradloom {
namespace {

// RFC 4180.
std::string Quoted(absl::string_view text) {
  if (text.find_first_of(",\"") == absl::string_view::npos) return std::string(text);
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

// Nothing when a quote is not closed.
std::optional<std::vector<std::string>> Cells(absl::string_view line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (quoted && line[i] == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      cells.back().push_back('"');
      ++i;
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back().push_back(line[i]);
    }
  }
  if (quoted) return std::nullopt;
  return cells;
}

std::string Number(double value) { return absl::StrFormat("%.9g", value); }
std::string Number(uint64_t value) { return absl::StrCat(value); }

template <typename T>
std::string Cell(const std::optional<T>& value) {
  return value ? Number(*value) : "";
}

std::string CellOf(const MetricsRow& row, const std::string& column) {
  if (column == "wall_seconds") return absl::StrFormat("%.3f", row.wall_seconds);
  if (column == "trial") return Quoted(row.trial);
  if (column == "job") return Number(row.job);
  if (column == "epoch") return Number(row.epoch);
  if (column == "round") return Cell(row.round);
  if (column == "loss") return Cell(row.loss);
  if (column == "test_loss") return Cell(row.test_loss);
  if (column == "test_accuracy") return Cell(row.test_accuracy);
  if (column == "stragglers") return Cell(row.stragglers);
  const auto more = row.more.find(column);
  return more == row.more.end() ? "" : Number(more->second);
}

bool HasControl(absl::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); });
}

}  // namespace

const MetricsColumns& OwnMetricsColumns() {
  static const MetricsColumns& columns = *new MetricsColumns{
      "wall_seconds",  "trial",          "job",       "epoch",         "round",
      "loss",          "train_accuracy", "test_loss", "test_accuracy", "learning_rate",
      "gradient_norm", "stragglers"};
  return columns;
}

bool IsColumnName(absl::string_view name) {
  return !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
           absl::string_view("_./-").find(c) != absl::string_view::npos;
  });
}

std::string FormatMetricsHeader(const MetricsColumns& columns) {
  return absl::StrJoin(columns, ",", [](std::string* out, const std::string& column) {
    out->append(Quoted(column));
  });
}

std::string FormatMetricsRow(const MetricsRow& row, const MetricsColumns& columns) {
  return absl::StrJoin(columns, ",", [&row](std::string* out, const std::string& column) {
    out->append(CellOf(row, column));
  });
}

std::optional<MetricsColumns> ParseMetricsHeader(absl::string_view line) {
  std::optional<MetricsColumns> columns = Cells(line);
  if (!columns || columns->size() > kMetricsColumnsMax || HasControl(line)) return std::nullopt;
  const std::set<std::string> names(columns->begin(), columns->end());
  if (names.size() != columns->size() || !names.contains("trial") || !names.contains("job")) {
    return std::nullopt;
  }
  return columns;
}

MetricsRowReader::MetricsRowReader(const MetricsColumns& columns) : width_(columns.size()) {
  const auto place = [&columns](absl::string_view name) {
    return static_cast<size_t>(std::find(columns.begin(), columns.end(), name) - columns.begin());
  };
  trial_ = place("trial");
  job_ = place("job");
  round_ = place("round");
}

std::optional<MetricsRowReader::Key> MetricsRowReader::Read(absl::string_view line) const {
  const std::optional<std::vector<std::string>> cells = Cells(line);
  if (!cells || cells->size() != width_ || HasControl(line)) return std::nullopt;
  for (size_t i = 0; i < width_; ++i) {
    double ignored = 0;
    if (i != trial_ && !(*cells)[i].empty() && !absl::SimpleAtod((*cells)[i], &ignored)) {
      return std::nullopt;
    }
  }
  Key key;
  key.trial = (*cells)[trial_];
  if (!absl::SimpleAtoi((*cells)[job_], &key.job)) return std::nullopt;
  uint64_t round = 0;
  if (round_ < width_ && absl::SimpleAtoi((*cells)[round_], &round)) key.round = round;
  return key;
}

}  // namespace gradloom
