// Which choices there are: scheme x parameters x closing rule x arrangement. Pure functions.
#ifndef GRADLOOM_COORDINATOR_TUNING_CHOICE_SPACE_H_
#define GRADLOOM_COORDINATOR_TUNING_CHOICE_SPACE_H_

#include <limits>
#include <string>
#include <vector>

#include "coordinator/planning/arrangement.h"

namespace gradloom {

std::vector<const SchemeKind*> AllSchemes();

struct ChoiceSpace {
  std::vector<const SchemeKind*> schemes = AllSchemes();
  int delay_max = 4;  // T; never more than the lanes of a weave allow
  bool woven = true, overlap = true, gang = true, split = true;
  double copies_max = std::numeric_limits<double>::infinity();  // of the data, over the fleet
  // Of one invocation, fraction of a job's data.
  double load_min = 0;
  double load_max = std::numeric_limits<double>::infinity();

  bool Has(const SchemeKind& kind) const;
};

// What a slot computes in one invocation, at least: a gang's slot for every lane of its group.
double InvocationLoad(const Choice& choice, const ChoiceCost& cost, int lanes);

// Every choice that a core accepts, under the default closing rule: of every scheme whatever it
// says it has to offer over the slots of one weave. In a fixed order.
std::vector<Choice> AllChoices(const ChoiceSpace& space, const FleetSize& size);

// One of each kind of behaviour. Repetition with s tolerated has floor(n/(s+1)) groups, so of all s
// of one number of groups only the largest stays: the load is the same, and more is tolerated.
std::vector<Choice> DistinctChoices(const ChoiceSpace& space, const FleetSize& size);

// The same scheme and arrangement under the other rules worth a try. None when T = 0: once its job
// decodes, a round that waits longer gains nothing.
std::vector<Choice> OtherClosings(const Choice& choice);

// A bound that no simulated run of the choice can beat: the longest chain of dependent jobs, each
// of which takes at least one invocation of `least_seconds` beside the load of its smallest task.
double LeastSeconds(const Choice& choice, const FleetSize& size, double least_seconds,
                    double slope_seconds);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_TUNING_CHOICE_SPACE_H_
