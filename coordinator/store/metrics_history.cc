#include "coordinator/store/metrics_history.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "coordinator/store/atomic_file.h"

namespace gradloom {
namespace {

constexpr char kHeader[] =
    "wall_seconds,trial,job,epoch,round,loss,train_accuracy,test_loss,test_accuracy,learning_rate,"
    "gradient_norm,stragglers";
constexpr uint64_t kFileBytesMax = uint64_t{1} << 33;

// RFC 4180.
std::string Cell(const std::string& text) {
  if (text.find_first_of(",\"") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string Cell(const std::optional<double>& value) {
  return value ? absl::StrFormat("%.9g", *value) : "";
}

// The row's trial and job; empty when the line is not a whole row.
struct RowKey {
  std::string trial;
  uint64_t job = 0;
};
std::optional<RowKey> ParseKey(absl::string_view line) {
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
  const auto columns = static_cast<size_t>(1 + std::count(kHeader, std::end(kHeader), ','));
  RowKey key;
  if (quoted || cells.size() != columns || !absl::SimpleAtoi(cells[2], &key.job)) {
    return std::nullopt;
  }
  key.trial = cells[1];
  return key;
}

// The lines of the file at `path` to go on from, header included.
absl::StatusOr<std::string> KeptLines(const std::string& path,
                                      const std::map<std::string, uint64_t>& jobs_done) {
  std::string kept = absl::StrCat(kHeader, "\n");
  if (jobs_done.empty()) return kept;
  const absl::StatusOr<std::string> contents = ReadFile(path, kFileBytesMax);
  if (absl::IsNotFound(contents.status())) return kept;
  if (!contents.ok()) return contents.status();
  absl::string_view rest = *contents;
  for (uint64_t number = 1;; ++number) {
    const size_t end = rest.find('\n');
    // No line end: the line was cut short, or there is none.
    if (end == absl::string_view::npos) return kept;
    const absl::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (number == 1) {
      if (line == kHeader) continue;
      return absl::DataLossError(
          absl::StrCat(path, " line 1 is '", line, "'; legal: '", kHeader, "'"));
    }
    const std::optional<RowKey> key = ParseKey(line);
    // Half a line, left by a full disk with the next row run into it.
    if (!key) continue;
    const auto trial = jobs_done.find(key->trial);
    if (trial != jobs_done.end() && key->job < trial->second) absl::StrAppend(&kept, line, "\n");
  }
}

}  // namespace

absl::string_view MetricsHeader() { return kHeader; }

std::string FormatMetricsRow(const MetricsRow& row) {
  return absl::StrJoin(
      {absl::StrFormat("%.3f", row.wall_seconds), Cell(row.trial), absl::StrCat(row.job),
       Cell(row.epoch), absl::StrCat(row.round), Cell(row.loss), Cell(row.train_accuracy),
       Cell(row.test_loss), Cell(row.test_accuracy), Cell(row.learning_rate),
       Cell(row.gradient_norm), row.stragglers ? absl::StrCat(*row.stragglers) : std::string()},
      ",");
}

absl::StatusOr<MetricsHistory> MetricsHistory::Open(
    const std::string& path, const std::map<std::string, uint64_t>& jobs_done, FileSystem& files) {
  const absl::StatusOr<std::string> kept = KeptLines(path, jobs_done);
  if (!kept.ok()) return kept.status();
  if (absl::Status status = WriteFileAtomically(files, path, *kept); !status.ok()) return status;
  const absl::StatusOr<int> file = files.OpenToAppend(path);
  if (!file.ok()) return file.status();
  return MetricsHistory(files, path, *file);
}

MetricsHistory::MetricsHistory(MetricsHistory&& other) noexcept
    : files_(other.files_), path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

MetricsHistory::~MetricsHistory() {
  if (file_ >= 0) files_->Close(file_, path_).IgnoreError();
}

absl::Status MetricsHistory::Append(const MetricsRow& row) {
  if (std::any_of(row.trial.begin(), row.trial.end(), [](char c) { return c >= 0 && c < ' '; })) {
    return absl::InvalidArgumentError(
        absl::StrCat("trial name '", row.trial, "'; legal: no control characters"));
  }
  const std::string line = absl::StrCat(FormatMetricsRow(row), "\n");
  return files_->Write(file_, path_, std::as_bytes(std::span(line.data(), line.size())));
}

absl::Status MetricsHistory::Sync() { return files_->Sync(file_, path_); }

}  // namespace gradloom
