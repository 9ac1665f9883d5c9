// Rows of a run's metrics that wait: a row whose job has made a view due waits for its evaluation,
// and its lane's later rows behind it, so that each is written once, whole, and in order. Should
// the evaluation end the lane, what is beyond its end stays here, in case that the lane goes on
// after all. What waits is part of a checkpoint. Not thread-safe.
#ifndef GRADLOOM_COORDINATOR_ENGINE_HELD_ROWS_H_
#define GRADLOOM_COORDINATOR_ENGINE_HELD_ROWS_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "coordinator/store/metrics_row.h"
#include "google/protobuf/repeated_field.h"
#include "gradloom/v1/checkpoint.pb.h"
#include "models/workloads/workload.h"

namespace gradloom {

class HeldRows {
 public:
  explicit HeldRows(int lanes) : lanes_(lanes) {}

  // `view`: of the lane's trial, for whose evaluation the row waits.
  void Add(int lane, MetricsRow row, const std::optional<int64_t>& view);
  // Completes the lane's row that waits for it, which is returned as well; nothing: there is none.
  std::optional<MetricsRow> Evaluated(int lane, int64_t view, const Evaluation& evaluation);
  // The lane's rows that wait for nothing, and are of its first `jobs_done` jobs.
  std::vector<MetricsRow> Take(int lane, uint64_t jobs_done);
  // All of its rows of its first `jobs_done` jobs, as they are; they stay.
  std::vector<MetricsRow> Peek(int lane, uint64_t jobs_done) const;

  // The first job of a row that is here.
  std::optional<uint64_t> FirstJob(int lane) const;
  // Above all rounds of rows that are here.
  uint64_t NextRound() const;

  using Saved = google::protobuf::RepeatedPtrField<v1::HeldRow>;
  // Adds the rows of lanes [first, first + lanes), as those of a trial.
  void Save(int first, int lanes, Saved* saved) const;
  // The inverse. Rows wait for views that are `due`, and for no others. Lanes that do not exist are
  // ignored.
  void Load(int first, std::span<const std::string> names, const Saved& saved,
            std::span<const int64_t> due);

 private:
  struct Held {
    MetricsRow row;
    std::optional<int64_t> view;
  };
  std::vector<std::deque<Held>> lanes_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_HELD_ROWS_H_
