#include "coordinator/store/metrics_history.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "coordinator/store/atomic_file.h"
#include "coordinator/store/file_reader.h"

namespace gradloom {
namespace {

constexpr size_t kDamageShown = 3;
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool HasControl(absl::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); });
}

}  // namespace

// One pass over the file, line by line.
class MetricsHistory::Scan {
 public:
  using TakeRow = std::function<absl::Status(absl::string_view row)>;

  // Without `jobs_done` every whole line stays.
  Scan(std::string path, const JobsDone* jobs_done, TakeRow take_row)
      : path_(std::move(path)), jobs_done_(jobs_done), take_row_(std::move(take_row)) {}

  absl::StatusOr<Found> Run(FileSystem& files) {
    const absl::StatusOr<FileReader> file = FileReader::Open(files, path_);
    if (!file.ok()) return file.status();
    LineReader lines(*file);
    for (number_ = 1;; ++number_) {
      const absl::StatusOr<std::optional<LineReader::Line>> line = lines.Next();
      if (!line.ok()) return line.status();
      if (!line->has_value()) break;
      if (absl::Status status = Judge(**line); !status.ok()) return status;
    }
    if (damaged_ > kDamageShown) {
      found_.damage.push_back(absl::StrCat("and ", damaged_ - kDamageShown, " further lines"));
    }
    return std::move(found_);
  }

 private:
  absl::Status Judge(const LineReader::Line& line) {
    absl::string_view text = line.text;
    // A spreadsheet's ways.
    if (absl::ConsumeSuffix(&text, "\r")) found_.as_is = false;
    if (number_ == 1 && absl::ConsumePrefix(&text, kByteOrderMark)) found_.as_is = false;
    if (!line.ended) {
      // What a crash or a full disk leaves of a line is no damage.
      if (line.cut || HasControl(text)) Damage("is no row");
      found_.as_is = false;
      return absl::OkStatus();
    }
    if (number_ == 1) return ReadHeader(text);
    if (!reader_) return absl::OkStatus();
    return jobs_done_ == nullptr ? take_row_(text) : ReadRow(text);
  }

  absl::Status ReadHeader(absl::string_view text) {
    const std::optional<MetricsColumns> columns = ParseMetricsHeader(text);
    if (columns) {
      found_.columns = *columns;
      reader_.emplace(*columns);
    } else {
      Damage("does not name the columns; legal: '", FormatMetricsHeader(OwnMetricsColumns()), "'");
    }
    return absl::OkStatus();
  }

  absl::Status ReadRow(absl::string_view text) {
    const std::optional<MetricsRowReader::Key> key = reader_->Read(text);
    if (!key) {
      Damage("is no row of ", found_.columns.size(), " cells");
      return absl::OkStatus();
    }
    const auto trial = jobs_done_->find(key->trial);
    if (trial == jobs_done_->end()) {
      Damage("is of '", absl::CHexEscape(key->trial), "', which the run does not have");
      return absl::OkStatus();
    }
    if (key->job >= trial->second) {
      found_.as_is = false;
      return absl::OkStatus();
    }
    if (key->round) found_.next_round = std::max(found_.next_round, *key->round + 1);
    return take_row_(text);
  }

  template <typename... What>
  void Damage(const What&... what) {
    found_.as_is = false;
    if (++damaged_ > kDamageShown) return;
    found_.damage.push_back(absl::StrCat(path_, " line ", number_, " ", what...));
  }

  std::string path_;
  const JobsDone* jobs_done_;
  TakeRow take_row_;
  Found found_;
  std::optional<MetricsRowReader> reader_;
  uint64_t number_ = 0;
  uint64_t damaged_ = 0;
};

absl::StatusOr<MetricsHistory> MetricsHistory::Read(const std::string& path,
                                                    std::map<std::string, uint64_t> jobs_done,
                                                    FileSystem& files) {
  MetricsHistory history(path, std::move(jobs_done), files);
  if (history.jobs_done_.empty()) return history;
  absl::StatusOr<Found> found = Scan(path, &history.jobs_done_, [](absl::string_view) {
                                  return absl::OkStatus();
                                }).Run(files);
  if (found.ok()) {
    history.found_ = *std::move(found);
  } else if (!absl::IsNotFound(found.status())) {
    return found.status();
  }
  return history;
}

absl::Status MetricsHistory::SetAside() {
  const absl::string_view stem = absl::StripSuffix(path_, ".csv");
  std::string path;
  for (int number = 1; path.empty(); ++number) {
    std::string candidate = absl::StrCat(stem, ".damaged-", number, ".csv");
    const absl::StatusOr<FileKind> kind = files_->KindOf(candidate);
    if (!kind.ok()) return kind.status();
    if (*kind == FileKind::kNone) path = std::move(candidate);
  }
  // A copy, so that the file itself is there whenever the machine stops.
  const absl::StatusOr<FileReader> damaged = FileReader::Open(*files_, path_);
  if (!damaged.ok()) return damaged.status();
  absl::Status status = WriteFileAtomically(*files_, path, [&](FileWriter& copy) -> absl::Status {
    std::vector<std::byte> piece(size_t{1} << 20);
    for (;;) {
      const absl::StatusOr<size_t> count = damaged->ReadSome(copy.bytes(), piece);
      if (!count.ok()) return count.status();
      if (*count == 0) return absl::OkStatus();
      absl::Status written = copy.Append(std::span<const std::byte>(piece).first(*count));
      if (!written.ok()) return written;
    }
  });
  if (status.ok()) set_aside_ = std::move(path);
  return status;
}

absl::Status MetricsHistory::Rewrite(const MetricsColumns& columns, const JobsDone* jobs_done) {
  return WriteFileAtomically(*files_, path_, [&](FileWriter& writer) -> absl::Status {
    absl::Status status = writer.Append(absl::StrCat(FormatMetricsHeader(columns), "\n"));
    if (!status.ok() || found_.columns.empty()) return status;
    const std::string end(columns.size() - found_.columns.size(), ',');
    return Scan(path_, jobs_done,
                [&](absl::string_view row) { return writer.Append(absl::StrCat(row, end, "\n")); })
        .Run(*files_)
        .status();
  });
}

absl::Status MetricsHistory::Start() {
  if (!found_.damage.empty()) {
    if (absl::Status status = SetAside(); !status.ok()) return status;
  }
  MetricsColumns columns = found_.columns;
  for (const std::string& own : OwnMetricsColumns()) {
    if (std::find(columns.begin(), columns.end(), own) == columns.end()) columns.push_back(own);
  }
  if (!found_.as_is || columns.size() != found_.columns.size()) {
    if (absl::Status status = Rewrite(columns, &jobs_done_); !status.ok()) return status;
  }
  found_.columns = std::move(columns);
  absl::StatusOr<std::shared_ptr<AppendFile>> file = AppendFile::Open(*files_, path_);
  if (!file.ok()) return file.status();
  file_ = *std::move(file);
  return absl::OkStatus();
}

absl::Status MetricsHistory::AddColumns(const MetricsRow& row) {
  MetricsColumns columns = found_.columns;
  for (const auto& [name, value] : row.more) {
    if (std::find(columns.begin(), columns.end(), name) != columns.end()) continue;
    if (!IsColumnName(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("metrics column '", absl::CHexEscape(name),
                       "'; legal: 1 to 100 lower-case letters, digits and _ . / -"));
    }
    columns.push_back(name);
  }
  if (columns.size() == found_.columns.size()) return absl::OkStatus();
  if (columns.size() > kMetricsColumnsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(columns.size(), " metrics columns; legal: at most ", kMetricsColumnsMax));
  }
  if (absl::Status status = Rewrite(columns, nullptr); !status.ok()) return status;
  found_.columns = std::move(columns);
  absl::StatusOr<std::shared_ptr<AppendFile>> file = AppendFile::Open(*files_, path_);
  if (!file.ok()) return file.status();
  file_ = *std::move(file);
  return absl::OkStatus();
}

absl::Status MetricsHistory::Append(const MetricsRow& row) {
  if (HasControl(row.trial)) {
    return absl::InvalidArgumentError(absl::StrCat("trial name '", absl::CHexEscape(row.trial),
                                                   "'; legal: no control characters"));
  }
  if (absl::Status status = AddColumns(row); !status.ok()) return status;
  return file_->Append(absl::StrCat(FormatMetricsRow(row, found_.columns), "\n"));
}

}  // namespace gradloom
