// `scheme: auto`: what a run plays under while it finds out what its fleet is like. A pure state
// machine: observations and applied jobs go in, decisions come out. Every decision is a value that
// says all that the weaves are made of, so that the caller can journal it: a resumed or replayed
// run applies the journal's decisions instead of asking again.
//
// At first, unless a profile is given, all lanes are a gang under a scheme that needs to know
// nothing: one round shows both what an invocation costs and what load costs, and nothing is
// in flight when it is over. From then on, ever more rarely, the recorder's profile is searched for
// the rest of the run. Loads may at most be a quarter, or four times, of what has been seen. A
// switch must gain more than the hysteresis and more than chance explains, over resampled fleets
// that both choices share. Slots of lanes that are done go to those that are left. Not thread-safe;
// `options.search.run_all` alone may use threads.
#ifndef GRADLOOM_COORDINATOR_TUNING_AUTO_POLICY_H_
#define GRADLOOM_COORDINATOR_TUNING_AUTO_POLICY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/planning/arrangement.h"
#include "coordinator/tuning/choice_search.h"
#include "coordinator/tuning/fleet_profile.h"
#include "coordinator/tuning/fleet_recorder.h"

namespace gradloom {

struct AutoOptions {
  SearchOptions search;      // keep, resamples and jobs_max are the policy's own
  double hysteresis = 0.03;  // of the predicted time for the rest, that a switch must gain
  int window = 32;           // invocations of each slot that are remembered
  int profile_rows = 32;
  int64_t horizon_jobs = 40;  // that a prediction looks ahead
  // Of this fleet, known before: from `gradloom tune`, or from an earlier run.
  std::optional<FleetProfile> known;
};

struct AutoDecision {
  Choice choice;
  std::vector<int> lanes;  // that are left, in their turns
  std::vector<int> done;
  double predicted_gain = 0;  // fraction of the predicted time for the rest of the run
  std::string why;
};

// What a decision means for a core of `slots` slots. InvalidArgument when it is not legal.
absl::StatusOr<std::vector<WeavePlan>> WeavesOf(const AutoDecision& decision, int slots);

class AutoPolicy {
 public:
  // `lanes`: as they are planned and have come so far.
  AutoPolicy(int slots, std::vector<LanePlan> lanes, AutoOptions options);

  // What to start with.
  absl::StatusOr<AutoDecision> First();
  // Instead: goes on under a decision of an earlier life.
  void Continue(const AutoDecision& decision);
  void Observe(const InvocationObserved& observed) { recorder_.Observe(observed); }
  // A job of another lane ended this one before its time; to be told before that job.
  void EndLane(int lane);
  // A job of the lane was applied; `lane_done`: it was its last. What to switch to, if anything.
  absl::StatusOr<std::optional<AutoDecision>> JobApplied(int lane, bool lane_done);

  const AutoDecision& current() const { return current_; }
  const FleetRecorder& recorder() const { return recorder_; }

 private:
  // Open lanes, those with most jobs left first.
  AutoDecision Blank() const;
  // Of the given lanes what is left, as a search plans them: what they need of each other by their
  // place in the list.
  std::vector<LanePlan> Rest(const std::vector<int>& lanes) const;
  // Equally likely ones.
  using Fleets = std::vector<FleetProfile>;
  // What the recorder says, and what it would say if load cost less, and more, by its error; with
  // what has not been seen yet.
  Fleets Observed();
  AutoDecision Adopt(AutoDecision decision);
  // Another load, since one alone does not tell what load costs.
  std::optional<AutoDecision> Probe();
  absl::StatusOr<std::optional<AutoDecision>> Reconsider(const Fleets& fleets, bool lanes_changed);
  // The search's best for the lanes of `blank`, within the trusted loads.
  absl::StatusOr<std::optional<AutoDecision>> Best(const Fleets& fleets,
                                                   const AutoDecision& blank) const;
  // Of a lane's `jobs`, those that a prediction plays.
  int64_t LookedAhead(int64_t jobs) const;
  // Over each sample of the fleet, the switch from the current decision included: unless the fleet
  // stands still, lanes are in the middle of jobs, and slots of the new weaves may still be at
  // them. Infinite where the run does not end.
  absl::StatusOr<std::vector<double>> Predict(const Fleets& fleets,
                                              const AutoDecision& decision) const;
  // The lanes that start their jobs together with this one's, itself included.
  std::vector<int> StartedWith(int lane) const;
  // Whether the lanes that started their jobs together with this one's latest have ended them.
  bool RoundIsOver(int lane) const;

  const int slots_;
  const std::vector<LanePlan> plans_;  // by lane, as they were at first
  std::vector<int64_t> left_;          // jobs, by lane
  bool lanes_ended_ = false;           // since the latest look
  const AutoOptions options_;
  std::optional<FleetProfile> known_;  // until the fleet drifts
  FleetRecorder recorder_;
  AutoDecision current_;
  std::vector<int64_t> done_here_;  // jobs applied since the current decision, by lane
  std::vector<int> still_lanes_;    // whose jobs have just been applied
  bool idle_ = true;                // no job is in flight
  int64_t applied_ = 0;
  int64_t reconsider_at_ = 0;  // applied jobs
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_TUNING_AUTO_POLICY_H_
