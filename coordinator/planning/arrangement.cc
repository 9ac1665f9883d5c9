#include "coordinator/planning/arrangement.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

struct Group {
  std::vector<int> lanes;
  std::vector<int> slots;
  int gang = -1;
};

bool HasGroups(const Arrangement& fleet) {
  return fleet.kind == Arrangement::Kind::kSplit || fleet.kind == Arrangement::Kind::kGang;
}

std::vector<int> Range(int begin, int end) {
  std::vector<int> out(end - begin);
  std::iota(out.begin(), out.end(), begin);
  return out;
}

absl::Status Validate(const Choice& choice, const FleetSize& size) {
  if (size.slots < 1 || size.lanes < 1 || size.jobs < 1) {
    return absl::InvalidArgumentError(absl::StrCat("slots = ", size.slots,
                                                   ", trials = ", size.lanes,
                                                   ", jobs = ", size.jobs, ": each at least 1"));
  }
  if (!size.plans.empty() && size.plans.size() != static_cast<size_t>(size.lanes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("trials = ", size.lanes, ": ", size.plans.size(), " lanes are planned"));
  }
  const int groups = HasGroups(choice.fleet) ? choice.fleet.groups : 1;
  if (choice.fleet.kind == Arrangement::Kind::kGang && DelayOf(choice.scheme) > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("fleet ", ArrangementText(choice.fleet), ": ", SchemeText(choice.scheme),
                     " has a delay: a gang's jobs start and end together"));
  }
  if (groups < 1 || groups > std::min(size.lanes, size.slots)) {
    return absl::InvalidArgumentError(
        absl::StrCat("fleet ", ArrangementText(choice.fleet), ": legal are 1..",
                     std::min(size.lanes, size.slots), ", no more groups than trials or slots"));
  }
  return absl::OkStatus();
}

std::vector<Group> Groups(const Choice& choice, int slots, const std::vector<int>& lanes) {
  const size_t groups =
      HasGroups(choice.fleet) ? std::min<size_t>(choice.fleet.groups, lanes.size()) : 1;
  const bool gang = choice.fleet.kind == Arrangement::Kind::kGang;
  const bool woven = choice.fleet.kind == Arrangement::Kind::kWoven ||
                     (choice.fleet.kind == Arrangement::Kind::kSplit && DelayOf(choice.scheme) > 0);
  std::vector<Group> out;
  for (size_t group = 0; group < groups; ++group) {
    const std::vector<int> own = Range(static_cast<int>(group * slots / groups),
                                       static_cast<int>((group + 1) * slots / groups));
    std::vector<int> together;
    for (size_t i = group; i < lanes.size(); i += groups) {
      if (woven) {
        together.push_back(lanes[i]);
      } else {
        out.push_back({{lanes[i]}, own, gang ? static_cast<int>(group) : -1});
      }
    }
    if (woven) out.push_back({std::move(together), own, -1});
  }
  return out;
}

}  // namespace

FleetSize SizeOf(int slots, std::vector<LanePlan> plans) {
  int64_t jobs = 0;
  for (const LanePlan& plan : plans) jobs += plan.jobs - plan.first_job;
  return {slots, static_cast<int>(plans.size()), jobs, std::move(plans)};
}

std::vector<LanePlan> PlannedLanes(const FleetSize& size) {
  std::vector<LanePlan> lanes = size.plans;
  if (lanes.empty()) lanes.assign(size.lanes, {1, 0});
  double left = 0;
  for (const LanePlan& lane : lanes) left += static_cast<double>(lane.jobs - lane.first_job);
  if (left == 0) return lanes;
  // Whole jobs by largest remainder; of equal lanes the first ones get one more.
  std::vector<std::pair<double, size_t>> remainders;
  int64_t given = 0;
  for (size_t i = 0; i < lanes.size(); ++i) {
    const double share = static_cast<double>(size.jobs) *
                         (static_cast<double>(lanes[i].jobs - lanes[i].first_job) / left);
    const auto whole = static_cast<int64_t>(share);
    lanes[i].jobs = lanes[i].first_job + whole;
    given += whole;
    remainders.emplace_back(static_cast<double>(whole) - share, i);
  }
  std::stable_sort(remainders.begin(), remainders.end());
  for (size_t i = 0; given < size.jobs; ++given, ++i) {
    ++lanes[remainders[i % lanes.size()].second].jobs;
  }
  return lanes;
}

absl::StatusOr<std::vector<WeavePlan>> MakeWeaves(const Choice& choice, int slots,
                                                  const std::vector<int>& lanes,
                                                  const std::vector<int>& done) {
  std::vector<WeavePlan> weaves;
  for (Group& group : Groups(choice, slots, lanes)) {
    absl::StatusOr<std::unique_ptr<Scheme>> scheme =
        MakeScheme(OverSlots(choice.scheme, static_cast<int>(group.slots.size())));
    if (!scheme.ok()) return scheme.status();
    absl::StatusOr<std::unique_ptr<ClosingRule>> closing = MakeClosingRule(choice.closing);
    if (!closing.ok()) return closing.status();
    weaves.push_back({*std::move(scheme), *std::move(closing), std::move(group.lanes),
                      std::move(group.slots), group.gang});
  }
  weaves.front().lanes.insert(weaves.front().lanes.end(), done.begin(), done.end());
  return weaves;
}

absl::StatusOr<CorePlan> MakePlan(const Choice& choice, const FleetSize& size) {
  if (absl::Status status = Validate(choice, size); !status.ok()) return status;
  absl::StatusOr<std::vector<WeavePlan>> weaves =
      MakeWeaves(choice, size.slots, Range(0, size.lanes), {});
  if (!weaves.ok()) return weaves.status();
  CorePlan plan;
  plan.slots = size.slots;
  plan.lanes = PlannedLanes(size);
  plan.weaves = *std::move(weaves);
  return plan;
}

absl::StatusOr<ChoiceCost> CostOf(const Choice& choice, const FleetSize& size) {
  if (absl::Status status = Validate(choice, size); !status.ok()) return status;
  const Group first = std::move(Groups(choice, size.slots, Range(0, size.lanes)).front());
  const SchemeSpec spec = OverSlots(choice.scheme, static_cast<int>(first.slots.size()));
  absl::StatusOr<std::unique_ptr<Scheme>> scheme = MakeScheme(spec);
  if (!scheme.ok()) return scheme.status();
  const SchemeTraits traits = spec.kind->traits(spec);
  ChoiceCost cost;
  cost.load = (*scheme)->load();
  cost.invocation_load = (*scheme)->invocation_load();
  cost.tolerated = traits.tolerated;
  cost.versions = (*scheme)->delay() + 1;
  cost.replies_per_job = static_cast<double>(spec.slots) * traits.tasks;
  // Over the rounds of one job a slot computes as much as in one round of several jobs.
  const int fleets = HasGroups(choice.fleet) ? choice.fleet.groups : 1;
  cost.copies = cost.load * spec.slots * fleets;
  return cost;
}

}  // namespace gradloom
