// The choice of the least predicted time. Every candidate is played by the shipped core in the
// simulator over the profile: few jobs first and the better part of them more (successive halving,
// Jamieson and Talwalkar 2016), after choices have been left out that a bound says cannot win. The
// best are then played over resampled fleets, the same for all of them, which gives each its
// uncertainty. Pure but for `run_all`, which may use threads; the result does not depend on them.
#ifndef GRADLOOM_COORDINATOR_TUNING_CHOICE_SEARCH_H_
#define GRADLOOM_COORDINATOR_TUNING_CHOICE_SEARCH_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/planning/arrangement.h"
#include "coordinator/tuning/choice_space.h"
#include "coordinator/tuning/fleet_profile.h"

namespace gradloom {

// Calls body(0), ..., body(count - 1), in any order and on any threads, and returns after the last.
using ParallelFor = std::function<void(int count, const std::function<void(int)>& body)>;
// One after the other.
void RunInOrder(int count, const std::function<void(int)>& body);

struct SearchOptions {
  ChoiceSpace space;
  bool exhaustive = false;   // AllChoices, all over the full horizon: dumb and slow
  int keep = 16;             // choices that are returned, and the best of each scheme beyond
  int resamples = 20;        // 0: no uncertainty
  int64_t jobs_max = 64;     // longer runs are predicted from so many jobs
  double apply_seconds = 0;  // from a job's decode to the lane's next job
  // Runs that take longer than this x the best so far are given up; they rank last. For callers who
  // want the best alone, soon.
  double give_up = std::numeric_limits<double>::infinity();
  ParallelFor run_all = RunInOrder;
  // Told of progress, from 0 to 1; may be called from run_all's threads, one at a time.
  std::function<void(double fraction)> progress;
};

struct RankedChoice {
  Choice choice;
  ChoiceCost cost;
  double seconds = 0;  // of the whole run on the profile as it was recorded
  // Over resampled profiles: mean, and the central 80 %, widened by what the profile, itself but a
  // sample of the fleet, may be off; too narrow when few rows do not show the tail. All equal to
  // `seconds` without resamples.
  double mean_seconds = 0, low_seconds = 0, high_seconds = 0;
  std::vector<double> resampled_seconds;  // by sample; comparable between choices one by one
  double replies_per_job = 0;             // that were sent
};

struct SearchResult {
  std::vector<RankedChoice> ranked;  // by `seconds`; ties in the order of DistinctChoices
  int64_t candidates = 0;
  int64_t bounded = 0;    // left out by LeastSeconds
  int64_t simulated = 0;  // runs
};

// InvalidArgument when the size is not legal or no choice is left.
absl::StatusOr<SearchResult> SearchChoices(const FleetProfile& profile, const FleetSize& size,
                                           const SearchOptions& options);

// Seconds of one choice on the profile, its rows in `order`; infinite when the run cannot end.
struct Prediction {
  double seconds = 0;
  double replies_per_job = 0;
  double invocations = 0;  // of a slot, on average
};
absl::StatusOr<Prediction> Predict(const Choice& choice, const FleetSize& size,
                                   const FleetProfile& profile, const std::vector<int>& order,
                                   double apply_seconds, double limit_seconds = 1e9);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_TUNING_CHOICE_SEARCH_H_
