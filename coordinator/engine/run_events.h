// What a run's loop is told: by workers' connections, by the effects that it asked for, by users.
// The core's own events are among them.
#ifndef GRADLOOM_COORDINATOR_ENGINE_RUN_EVENTS_H_
#define GRADLOOM_COORDINATOR_ENGINE_RUN_EVENTS_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/core/events.h"
#include "coordinator/engine/evaluation_book.h"

namespace gradloom {

// A worker is connected and was offered the run; it answers with WorkerReady or WorkerUnfit.
struct WorkerOffered {
  WorkerId worker = 0;
  std::string name;
};
// May come again, should it have been unfit before.
struct WorkerReady {
  WorkerId worker = 0;
  std::string name;
  std::string isa;  // instruction-set level that it computes at
};
// It cannot serve the run (other data, a file that it cannot read).
struct WorkerUnfit {
  WorkerId worker = 0;
  std::string name;
  std::string reason;
};
// Its connection is over, whatever it had said before.
struct WorkerGone {
  WorkerId worker = 0;
};
// The schedule may have something to say (Schedule::Change).
struct ScheduleChanged {};
// Answers Effects::Apply and Effects::Miss, where a view of the trial is due by it.
struct ViewDue {
  Event event;  // JobApplied or JobMissed
  int trial = 0;
  int64_t view = 0;
};
// What has come of a chunk of an evaluation.
struct EvaluationAnswered {
  uint64_t id = 0;
  WorkerId worker = 0;  // 0: answers Effects::Evaluate
  absl::StatusOr<EvaluationResult> result;
  bool unable = false;  // the worker can evaluate nothing of this run
};
// Answers Effects::TakeEvaluation.
struct EvaluationTaken {
  int trial = 0;
  int64_t view = 0;
  std::vector<int> finished;  // the trial's lanes that are, of the whole run
  std::vector<int64_t> due;   // the trial's views that still are
};
// Answers Effects::Checkpoint.
struct CheckpointSaved {
  absl::Status status;
  absl::Duration took;
};
// Answers Effects::Finish.
struct RunClosed {
  absl::Status status;  // of writing the files
};

using RunEvent =
    std::variant<Event, WorkerOffered, WorkerReady, WorkerUnfit, WorkerGone, ScheduleChanged,
                 ViewDue, EvaluationAnswered, EvaluationTaken, CheckpointSaved, RunClosed>;

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_RUN_EVENTS_H_
