// What a running fleet teaches: observed invocations go in, a profile comes out. Bounded memory:
// the latest `window` invocations of each slot. Deterministic: the profile is a function of what
// was observed, in order. Not thread-safe.
//
// Most invocations under a redundant scheme are cut when their job decodes: they only say "longer
// than". The distribution of all invocations is the product-limit estimate (Kaplan and Meier 1958)
// of what is left when the load's share is taken off; where it ends, its last mean excess goes on.
// A profile's rows are the fleet's latest moments, so that bursts stay together; what is not known
// of an invocation is drawn from those of its moment, given what is known.
#ifndef GRADLOOM_COORDINATOR_TUNING_FLEET_RECORDER_H_
#define GRADLOOM_COORDINATOR_TUNING_FLEET_RECORDER_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "coordinator/core/invocation.h"
#include "coordinator/tuning/fleet_profile.h"

namespace gradloom {

class FleetRecorder {
 public:
  FleetRecorder(int slots, int window);

  // Begins with what was known before, as if the latest rows had just been observed. Its slope is
  // kept until the fleet drifts.
  void Begin(const FleetProfile& known);
  // Observations that are not legal (slot, load, seconds) are left out.
  void Observe(const InvocationObserved& observed);
  int64_t observed() const { return observed_; }
  int64_t invocations(int slot) const { return invocations_[slot]; }

  // Of what is kept, the invocations that were seen to their end.
  int64_t completed() const;
  // Loads seen so far, of those that are kept. No slope can be told from one load.
  double load_min() const;
  double load_max() const;
  // Seconds per unit of load, not negative: the median of what workers say that computing took,
  // invocations weighed by their load. If none says: least squares of the lower quartiles of
  // delays at each load among the slots' k-th invocations (a fleet's first rounds are often slow,
  // whatever the load), or of a quantile so low that it is known at every load: stragglers do not
  // move it and cuts leave it alone. As long as nothing newer is known, what was known before;
  // while slots never had different loads side by side, of the loads at different times; nothing
  // with one load only.
  std::optional<double> Slope();
  // Standard error of Slope(), from leaving out every eighth slot in turn (a jackknife); 0 when it
  // was given.
  double SlopeError();
  // From here on, until the fleet drifts, instead of what is observed.
  void set_slope(double seconds) {
    slope_ = seconds;
    slope_given_ = true;
  }
  // What a reply costs its slot beside its load: the median, invocations weighed by their replies,
  // of what passed from the first reply to the last and was not computing. As long as no invocation
  // has several replies, what was known before, or nothing.
  double ReplySeconds();
  // `rows` rows, drawn by `seed`; needs an observation at least. While nothing tells the slope,
  // half of the time is taken for computing.
  FleetProfile Profile(int rows, uint64_t seed);
  // Likewise, were the slope known to be `slope`.
  FleetProfile ProfileWith(double slope, int rows, uint64_t seed);

  // The fleet has changed: the latest observations differ from those before by more than chance
  // and by a quarter at least. Forgets the older ones.
  bool ForgetIfDrifted();

 private:
  struct Kept {
    InvocationObserved observed;
    int64_t invocation = 0;
  };
  double SlopeOrGuess();
  // Of what is kept, without slots that are `left_out` modulo kJackknife (-1: all).
  std::optional<double> ComputedSlope(int left_out) const;
  std::optional<double> FittedSlope(int left_out) const;
  // Where the latest `window` ones of a slot begin.
  size_t FirstOfWindow(int slot) const;

  std::vector<std::deque<Kept>> kept_;  // by slot, oldest first; for the slope several windows
  std::vector<int64_t> invocations_;    // by slot
  int window_;
  int64_t observed_ = 0;
  std::optional<double> slope_;
  double slope_error_ = 0;  // of slope_, when last it could be told
  bool slope_given_ = false;
  double reply_seconds_ = 0;  // when last it could be told
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_TUNING_FLEET_RECORDER_H_
