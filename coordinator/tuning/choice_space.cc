#include "coordinator/tuning/choice_space.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace gradloom {
namespace {

std::vector<Arrangement> Arrangements(const ChoiceSpace& space, const FleetSize& size) {
  std::vector<Arrangement> out;
  if (space.woven) out.push_back({Arrangement::Kind::kWoven, 1});
  if (space.overlap && size.lanes > 1) out.push_back({Arrangement::Kind::kOverlap, 1});
  if (space.gang && size.lanes > 1) out.push_back({Arrangement::Kind::kGang, 1});
  if (!space.split) return out;
  // Groups of as many lanes each as others have, up to one.
  for (int groups = 2; groups <= std::min(size.lanes, size.slots); ++groups) {
    const bool last = groups == std::min(size.lanes, size.slots);
    if (size.lanes % groups != 0 && !last) continue;
    out.push_back({Arrangement::Kind::kSplit, groups});
    if (space.gang && !last) out.push_back({Arrangement::Kind::kGang, groups});
  }
  return out;
}

// Lanes that take turns in the smallest weave, and the slots of the smallest.
int LanesOf(const Arrangement& fleet, int lanes) {
  if (fleet.kind == Arrangement::Kind::kOverlap || fleet.kind == Arrangement::Kind::kGang) return 1;
  return fleet.kind == Arrangement::Kind::kWoven ? lanes : lanes / fleet.groups;
}
int SlotsOf(const Arrangement& fleet, int slots) { return slots / fleet.groups; }

std::vector<Choice> Enumerate(const ChoiceSpace& space, const FleetSize& size, bool distinct) {
  const double none = std::numeric_limits<double>::infinity();
  const bool limited = space.copies_max < none || space.load_min > 0 || space.load_max < none;
  std::vector<Choice> out;
  for (const Arrangement& fleet : Arrangements(space, size)) {
    const int slots = SlotsOf(fleet, size.slots);
    const int delay_max = std::min(space.delay_max, LanesOf(fleet, size.lanes) - 1);
    const auto add = [&](const SchemeSpec& spec) {
      Choice choice{spec, {}, fleet};
      if (limited) {
        const absl::StatusOr<ChoiceCost> cost = CostOf(choice, size);
        if (!cost.ok() || cost->copies > space.copies_max) return;
        const double load = InvocationLoad(choice, *cost, size.lanes);
        if (load < space.load_min || load > space.load_max) return;
      }
      out.push_back(std::move(choice));
    };
    const SchemeSpace offered{slots, delay_max, space.copies_max / fleet.groups, distinct};
    for (const SchemeKind* kind : SchemeTable()) {
      if (space.Has(*kind)) kind->enumerate(offered, add);
    }
  }
  return out;
}

}  // namespace

std::vector<const SchemeKind*> AllSchemes() { return {SchemeTable().begin(), SchemeTable().end()}; }

bool ChoiceSpace::Has(const SchemeKind& kind) const {
  return std::find(schemes.begin(), schemes.end(), &kind) != schemes.end();
}

double InvocationLoad(const Choice& choice, const ChoiceCost& cost, int lanes) {
  const bool gang = choice.fleet.kind == Arrangement::Kind::kGang;
  return cost.invocation_load *
         (gang ? (lanes + choice.fleet.groups - 1) / choice.fleet.groups : 1);
}

std::vector<Choice> AllChoices(const ChoiceSpace& space, const FleetSize& size) {
  return Enumerate(space, size, false);
}

std::vector<Choice> DistinctChoices(const ChoiceSpace& space, const FleetSize& size) {
  return Enumerate(space, size, true);
}

std::vector<Choice> OtherClosings(const Choice& choice) {
  std::vector<Choice> out;
  if (DelayOf(choice.scheme) == 0) return out;
  for (const ClosingKind* rule : ClosingTable()) {
    if (rule->tries == nullptr) continue;
    for (const Settings& settings : rule->tries()) {
      out.push_back(choice);
      out.back().closing = ClosingRuleSpec(*rule, settings);
    }
  }
  return out;
}

double LeastSeconds(const Choice& choice, const FleetSize& size, double least_seconds,
                    double slope_seconds) {
  // Of the largest weave.
  const int slots = (size.slots + choice.fleet.groups - 1) / choice.fleet.groups;
  const SchemeSpec spec = OverSlots(choice.scheme, slots);
  // With T = 0 a woven round is one job after the other; otherwise a lane's own jobs are.
  const bool chained = choice.fleet.kind == Arrangement::Kind::kWoven && DelayOf(spec) == 0;
  const int64_t chain = chained ? size.jobs : (size.jobs + size.lanes - 1) / size.lanes;
  return static_cast<double>(chain) *
         (least_seconds + slope_seconds / spec.kind->traits(spec).parts);
}

}  // namespace gradloom
