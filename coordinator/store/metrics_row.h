// What a run's curves are made of, and how a row stands in a CSV file. Pure.
#ifndef GRADLOOM_COORDINATOR_STORE_METRICS_ROW_H_
#define GRADLOOM_COORDINATOR_STORE_METRICS_ROW_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace gradloom {

// What is known after a job of a lane. An empty optional is an empty cell.
struct MetricsRow {
  double wall_seconds = 0;  // since the run began, pauses between resumes left out
  std::string trial;        // or lane: "trial-0/layer-1"; no control characters
  uint64_t job = 0;         // from 0; the row holds what came out of this job
  double epoch = 0;         // passes over the training data, this job included
  // In which the job was decoded. A run's rounds are numbered from 0 as they start, over all lanes
  // and lives.
  std::optional<uint64_t> round;
  std::optional<double> loss;  // the job's own, on its batch
  std::optional<double> test_loss;
  std::optional<double> test_accuracy;
  std::optional<uint64_t> stragglers;  // slots of that round that the job was decoded without
  // What the learner tells, by column name (see IsColumnName): "train_accuracy", "learning_rate",
  // "gradient_norm" (of the mean gradient, before clipping), and what else it has.
  std::map<std::string, double> more;
};

using MetricsColumns = std::vector<std::string>;

// Of a new file: the members of MetricsRow, and of `more` what most learners tell.
const MetricsColumns& OwnMetricsColumns();
// Of a column beyond these: 1 to 100 lower-case letters, digits and _ . / -
bool IsColumnName(absl::string_view name);

// Lines, without their ends.
std::string FormatMetricsHeader(const MetricsColumns& columns);
// Nine significant digits.
std::string FormatMetricsRow(const MetricsRow& row, const MetricsColumns& columns);

constexpr size_t kMetricsColumnsMax = 256;

// A file's first line; nothing unless it names each column once, `trial` and `job` among them.
std::optional<MetricsColumns> ParseMetricsHeader(absl::string_view line);

// Tells whose a line is.
class MetricsRowReader {
 public:
  explicit MetricsRowReader(const MetricsColumns& columns);

  struct Key {
    std::string trial;
    uint64_t job = 0;
    std::optional<uint64_t> round;
  };
  // Nothing when the line is no row of these columns.
  std::optional<Key> Read(absl::string_view line) const;

 private:
  size_t width_;
  size_t trial_;
  size_t job_;
  size_t round_;  // width_: there is none
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_METRICS_ROW_H_
