// What is known of a fleet's delays, in the form in which choices are judged by it: what a slot's
// invocations cost beside their load, and what a unit of load costs. Pure values and functions.
#ifndef GRADLOOM_COORDINATOR_TUNING_FLEET_PROFILE_H_
#define GRADLOOM_COORDINATOR_TUNING_FLEET_PROFILE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "coordinator/simulation/delay_model.h"

namespace gradloom {

struct FleetProfile {
  int rows = 0;
  int slots = 0;
  // Row-major: what invocation `row` of `slot` costs at load 0, at least a microsecond; infinite
  // when the slot is dead. A row is a moment of the fleet, so that bursts stay together.
  std::vector<double> fixed_seconds;
  double slope_seconds = 0;  // per unit of load (all of a job's data)
  double reply_seconds = 0;  // of each reply, as DelayModel::ReplySeconds
};

// `slots` columns of the recording. Recorded at trace.load, whose share at `recorded_slope` is
// taken off; `slope` is what a unit of load costs in the fleet that is asked about.
FleetProfile ProfileOfTrace(const Trace& trace, int slots, double recorded_slope, double slope);
// The first `rows` invocations of a delay model.
FleetProfile ProfileOfModel(const DelayModel& delays, int slots, int rows);

// Invocation k of every slot is row order[k], beginning again at the end: the profile itself if
// `order` counts from 0, a resampled fleet otherwise. The profile must outlive the model.
std::unique_ptr<DelayModel> MakeProfileDelays(const FleetProfile& profile, std::vector<int> order);
// 0, 1, ..., rows - 1.
std::vector<int> RecordedOrder(const FleetProfile& profile);
// Rows of one block of ResampledOrder.
int ResampledBlock(const FleetProfile& profile);
// `length` rows drawn with replacement in blocks of neighbours, so that bursts survive; sample
// `number` is a function of its number and the profile's rows alone, hence the same for every
// choice that is judged by it (common random numbers).
std::vector<int> ResampledOrder(const FleetProfile& profile, int64_t length, uint64_t number);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_TUNING_FLEET_PROFILE_H_
