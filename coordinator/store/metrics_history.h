// A run's metrics as a CSV file that grows by one line per row. After a crash and a resume it reads
// as if nothing had happened: Open drops the rows of jobs that the checkpoint does not know, and
// lines that were cut short, and appends from there. Not thread-safe.
#ifndef GRADLOOM_COORDINATOR_STORE_METRICS_HISTORY_H_
#define GRADLOOM_COORDINATOR_STORE_METRICS_HISTORY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/file_system.h"

namespace gradloom {

// One row: what is known after a trial's job. An empty optional is an empty cell.
struct MetricsRow {
  double wall_seconds = 0;  // since the run began, pauses between resumes left out
  std::string trial;        // no control characters
  uint64_t job = 0;         // from 0; the row holds what came out of this job
  double epoch = 0;         // passes over the training data, this job included
  uint64_t round = 0;
  std::optional<double> loss;  // the job's own, on its batch
  std::optional<double> train_accuracy;
  std::optional<double> test_loss;
  std::optional<double> test_accuracy;
  std::optional<double> learning_rate;
  std::optional<double> gradient_norm;  // of the mean gradient, before clipping
  std::optional<uint64_t> stragglers;   // slots that the job's round was closed without
};

// The file's first line, without the line end.
absl::string_view MetricsHeader();
// A row's line, without the line end. Nine significant digits.
std::string FormatMetricsRow(const MetricsRow& row);

class MetricsHistory {
 public:
  // jobs_done: per trial, the number of its next job; rows of other trials or of later jobs are
  // dropped. An empty map starts the file afresh. DataLoss when the file's first line is another.
  // `files` must outlive the history.
  static absl::StatusOr<MetricsHistory> Open(const std::string& path,
                                             const std::map<std::string, uint64_t>& jobs_done,
                                             FileSystem& files = PosixFileSystem());
  MetricsHistory(MetricsHistory&& other) noexcept;
  MetricsHistory& operator=(MetricsHistory&& other) = delete;
  ~MetricsHistory();

  // In the file, visible to other programs, when it returns.
  absl::Status Append(const MetricsRow& row);
  // On the disk when it returns: call it before the checkpoint that covers these rows is saved.
  absl::Status Sync();

 private:
  MetricsHistory(FileSystem& files, std::string path, int file)
      : files_(&files), path_(std::move(path)), file_(file) {}

  FileSystem* files_;
  std::string path_;
  int file_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_METRICS_HISTORY_H_
