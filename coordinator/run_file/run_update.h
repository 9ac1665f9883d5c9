// A run that goes on under a run file that has changed since: what may change, and what the run is
// then. One place for `gradloom run`, `gradloom resume` and the coordinator.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_RUN_UPDATE_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_RUN_UPDATE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

struct RunUpdate {
  v1::RunSpec spec;             // resolved: what the run is from now on
  bool changed = false;         // whether that is anything else than it was
  bool trains_further = false;  // whether trials that have ended may go on by it
};

// `stored`: what the run has been; `wanted`: what it is asked to be; both resolved. What the stored
// run settled when it started stays: slots, and with them the scheme of a run that names none, and
// the checksums of what it started from. May change: the length of a training, if it grows;
// patience and target_accuracy; and what changes no result: fleet (but its arrangement and its
// level), checkpoint, straggle and limits. FailedPrecondition names the first key beside these that
// differs, and both values.
absl::StatusOr<RunUpdate> UpdateRun(const v1::RunSpec& stored, const v1::RunSpec& wanted);

// Applies "path=value" (value: YAML) to a resolved run, whose trials have everything of their own:
// keys of training, and of what else a trial may have, are set for all its trials.
absl::Status ApplyToResolved(absl::string_view assignment, v1::RunSpec* spec);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_RUN_UPDATE_H_
