// From a resolved run to what a core is given: its trials, their lanes, and what the lanes go
// under. The one place where that happens, for the engine that trains a run and for those who ask
// what it would take.
#ifndef GRADLOOM_COORDINATOR_ENGINE_RUN_PLAN_H_
#define GRADLOOM_COORDINATOR_ENGINE_RUN_PLAN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/core/coordinator_core.h"
#include "coordinator/engine/trial.h"
#include "coordinator/planning/arrangement.h"
#include "coordinator/run_file/limits.h"
#include "coordinator/tuning/auto_policy.h"
#include "gradloom/v1/run.pb.h"
#include "models/data/dataset.h"

namespace gradloom {

// `spec` and `trials` as ResolveRunSpec leaves them. InvalidArgument names the trial and the field.
// What the limits do not allow is refused before memory is taken for it; `limits` beside the run's
// own.
absl::StatusOr<std::vector<std::unique_ptr<Trial>>> MakeTrials(
    const v1::RunSpec& spec, const std::vector<v1::TrialSpec>& trials, const TrainAndTest& data,
    const ServerLimits& limits = {});

// A run with all that it opens at its start, but the parameters that trials start from
// (StartTrials, if no checkpoint has others).
struct RunInputs {
  TrainAndTest data;
  Examples test;  // empty if there are none
  std::vector<std::unique_ptr<Trial>> trials;
};
// What workers and schedule open later (delays to replay, what is known of the fleet) is read, too,
// so that a missing file shows here. Files are relative to `folder`. Errors name the field.
absl::StatusOr<RunInputs> OpenInputs(const v1::RunSpec& spec,
                                     const std::vector<v1::TrialSpec>& trials,
                                     const std::string& folder, const ServerLimits& limits);

// Lanes of all trials, trial by trial, as far as they have come; needs by number in this list.
std::vector<LanePlan> PlanLanes(const std::vector<std::unique_ptr<Trial>>& trials);
// The same jobs if models had no lanes inside: one lane a trial, in which each job waits for the
// one before (job 0 of each of its lanes, then job 1, ...).
std::vector<LanePlan> PlanChains(const std::vector<std::unique_ptr<Trial>>& trials);

// Scheme (any but auto), closing rule and arrangement of a run whose scheme is settled.
absl::StatusOr<Choice> FixedChoice(const v1::RunSpec& spec, int slots);
// What `scheme: auto` is told; a probe's file is relative to `folder`. Errors name the key.
absl::StatusOr<AutoOptions> ReadAutoOptions(const v1::AutoScheme& spec, int slots,
                                            const std::string& folder);
// `file` as a run file means it: relative to `folder` unless absolute.
std::string FileInFolder(const std::string& folder, const std::string& file);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_ENGINE_RUN_PLAN_H_
