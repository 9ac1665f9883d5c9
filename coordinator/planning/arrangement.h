// How lanes share a fleet, and the plan that follows for the core; and the short texts in which run
// files, commands, tables and journals name arrangements, such as "split:4" or "gang". Pure
// functions; InvalidArgument names the text and what is legal.
#ifndef GRADLOOM_COORDINATOR_PLANNING_ARRANGEMENT_H_
#define GRADLOOM_COORDINATOR_PLANNING_ARRANGEMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coding/closing_kind.h"
#include "coding/scheme_kind.h"
#include "coordinator/core/coordinator_core.h"

namespace gradloom {

struct Arrangement {
  enum class Kind {
    kWoven,    // one weave of all lanes over all slots, as in the papers
    kOverlap,  // a weave a lane, all over all slots: no barrier between lanes
    kSplit,    // groups of neighbouring slots, lane l on group l mod groups; lanes of one group
               // overlap, or are woven if the scheme has a delay
    kGang,     // likewise (one group: all slots), but lanes of one group start their jobs together,
               // and a slot computes for all of them in one invocation; T = 0 only
  };
  Kind kind = Kind::kWoven;
  int groups = 1;
};

struct Choice {
  SchemeSpec scheme;  // `slots` is set by the arrangement
  ClosingRuleSpec closing;
  Arrangement fleet;
};

struct FleetSize {
  int slots = 256;
  int lanes = 4;
  int64_t jobs = 25;  // in all; lanes take turns
  // The lanes themselves where they are not equal chains that need nothing of each other; `lanes`
  // is their number then, and of what they have left `jobs` are played, of each in proportion.
  std::vector<LanePlan> plans = {};
};
FleetSize SizeOf(int slots, std::vector<LanePlan> plans);
// What a core is to play: `jobs` jobs in all.
std::vector<LanePlan> PlannedLanes(const FleetSize& size);

absl::StatusOr<CorePlan> MakePlan(const Choice& choice, const FleetSize& size);
// The weaves alone, of lanes in the order in which they take turns and are dealt to the groups; a
// split into more groups than there are lanes becomes one of a group a lane. Lanes that are `done`
// hold no slots: they come into the first weave, since a core wants every lane in one.
absl::StatusOr<std::vector<WeavePlan>> MakeWeaves(const Choice& choice, int slots,
                                                  const std::vector<int>& lanes,
                                                  const std::vector<int>& done);

// What a choice costs beside time.
struct ChoiceCost {
  double load = 0;             // of a slot and round, fraction of a job's data
  double invocation_load = 0;  // the least that a slot computes before it returns something
  int tolerated = 0;           // stragglers that a round can close without at least, per weave
  double copies = 0;           // of the data, over the whole fleet
  int versions = 1;            // of each lane's parameters that a slot may need
  double replies_per_job = 0;  // gradients sent per job if no work were dropped or done twice
};
absl::StatusOr<ChoiceCost> CostOf(const Choice& choice, const FleetSize& size);

absl::StatusOr<Arrangement> ParseArrangement(absl::string_view text);
std::string ArrangementText(const Arrangement& fleet);
// "256 slots, 25 jobs of 4 trials", or "of 4 lanes" where they are planned one by one.
std::string SizeText(const FleetSize& size);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_PLANNING_ARRANGEMENT_H_
