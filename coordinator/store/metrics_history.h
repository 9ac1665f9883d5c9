// A run's metrics as a CSV file that grows by one line per row. Its first line names the columns,
// which may come and go: an older file keeps the columns that it has and gets those that it lacks.
// After a crash and a resume it reads as if nothing had happened: rows of jobs that the checkpoint
// does not know, and a last line that was cut short, are dropped. What else does not fit is damage:
// the good rows go on, and the file as it was stays beside, as metrics.damaged-N.csv. Not
// thread-safe but for what says so.
#ifndef GRADLOOM_COORDINATOR_STORE_METRICS_HISTORY_H_
#define GRADLOOM_COORDINATOR_STORE_METRICS_HISTORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/append_file.h"
#include "coordinator/store/file_system.h"
#include "coordinator/store/metrics_row.h"

namespace gradloom {

class MetricsHistory {
 public:
  // Reads and judges what is there, and changes nothing. jobs_done: per trial, the number of its
  // next job; an empty map starts the file afresh, whatever it holds. An error when the file is
  // there and cannot be read. `files` must outlive the history.
  static absl::StatusOr<MetricsHistory> Read(const std::string& path,
                                             std::map<std::string, uint64_t> jobs_done,
                                             FileSystem& files = PosixFileSystem());
  // What is wrong with the file, a line each, for people; empty: nothing.
  const std::vector<std::string>& damage() const { return found_.damage; }
  // Above all rounds of the rows that stay.
  uint64_t next_round() const { return found_.next_round; }

  // Makes the file what was read, and opens it to append. Once, before all that follows. On an
  // error the file is as it was.
  absl::Status Start();
  // Where Start has left a damaged file as it was; "": there was none.
  const std::string& set_aside() const { return set_aside_; }

  // In the file, visible to other programs, when it returns. InvalidArgument for an illegal name of
  // a trial or a column, and for too many columns.
  absl::Status Append(const MetricsRow& row);
  // Its Sync makes all rows so far durable, by any thread, while others are appended. To be called
  // before the checkpoint that covers these rows is saved.
  std::shared_ptr<AppendFile> file() const { return file_; }

 private:
  using JobsDone = std::map<std::string, uint64_t>;
  struct Found {
    MetricsColumns columns;  // of the file; empty: there is none of use
    bool as_is = true;       // every line stays as it is
    std::vector<std::string> damage;
    uint64_t next_round = 0;
  };
  class Scan;

  MetricsHistory(std::string path, JobsDone jobs_done, FileSystem& files)
      : files_(&files), path_(std::move(path)), jobs_done_(std::move(jobs_done)) {}

  absl::Status SetAside();
  // The file's rows that stay (every one, without `jobs_done`) under `columns`, the first of which
  // are the file's own.
  absl::Status Rewrite(const MetricsColumns& columns, const JobsDone* jobs_done);
  // That the row has and the file has not.
  absl::Status AddColumns(const MetricsRow& row);

  FileSystem* files_;
  std::string path_;
  JobsDone jobs_done_;
  Found found_;  // its columns are always the file's
  std::string set_aside_;
  std::shared_ptr<AppendFile> file_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_METRICS_HISTORY_H_
