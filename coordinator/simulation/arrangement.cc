#include "coordinator/simulation/arrangement.h"

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
};

std::vector<int> Range(int begin, int end) {
  std::vector<int> out(end - begin);
  std::iota(out.begin(), out.end(), begin);
  return out;
}

int DelayOf(const SchemeSpec& spec) {
  switch (spec.kind) {
    case SchemeSpec::Kind::kSrSgc:
      return spec.b;
    case SchemeSpec::Kind::kMSgc:
      return spec.w - 2 + spec.b;
    default:
      return 0;
  }
}

absl::StatusOr<std::vector<Group>> Groups(const Choice& choice, const FleetSize& size) {
  if (size.slots < 1 || size.lanes < 1 || size.jobs < 1) {
    return absl::InvalidArgumentError(absl::StrCat("slots = ", size.slots,
                                                   ", trials = ", size.lanes,
                                                   ", jobs = ", size.jobs, ": each at least 1"));
  }
  int groups = 1;
  if (choice.fleet.kind == Arrangement::Kind::kSplit) {
    groups = choice.fleet.groups;
    if (groups < 1 || groups > std::min(size.lanes, size.slots)) {
      return absl::InvalidArgumentError(absl::StrCat("fleet split:", groups, ": legal are 1..",
                                                     std::min(size.lanes, size.slots),
                                                     ", no more groups than trials or slots"));
    }
  }
  const bool woven = choice.fleet.kind == Arrangement::Kind::kWoven ||
                     (choice.fleet.kind == Arrangement::Kind::kSplit && DelayOf(choice.scheme) > 0);
  std::vector<Group> out;
  for (int group = 0; group < groups; ++group) {
    const auto bound = [&](int64_t g) { return static_cast<int>(g * size.slots / groups); };
    const std::vector<int> slots = Range(bound(group), bound(group + 1));
    std::vector<int> lanes;
    for (int lane = group; lane < size.lanes; lane += groups) {
      if (woven) {
        lanes.push_back(lane);
      } else {
        out.push_back({{lane}, slots});
      }
    }
    if (woven) out.push_back({std::move(lanes), slots});
  }
  return out;
}

}  // namespace

absl::StatusOr<CorePlan> MakePlan(const Choice& choice, const FleetSize& size) {
  absl::StatusOr<std::vector<Group>> groups = Groups(choice, size);
  if (!groups.ok()) return groups.status();
  CorePlan plan;
  plan.slots = size.slots;
  for (int lane = 0; lane < size.lanes; ++lane) {
    plan.lanes.push_back({(size.jobs - lane + size.lanes - 1) / size.lanes, 0});
  }
  for (Group& group : *groups) {
    SchemeSpec spec = choice.scheme;
    spec.slots = static_cast<int>(group.slots.size());
    absl::StatusOr<std::unique_ptr<Scheme>> scheme = MakeScheme(spec);
    if (!scheme.ok()) return scheme.status();
    absl::StatusOr<std::unique_ptr<ClosingRule>> closing = MakeClosingRule(choice.closing);
    if (!closing.ok()) return closing.status();
    plan.weaves.push_back(
        {*std::move(scheme), *std::move(closing), std::move(group.lanes), std::move(group.slots)});
  }
  return plan;
}

absl::StatusOr<ChoiceCost> CostOf(const Choice& choice, const FleetSize& size) {
  absl::StatusOr<std::vector<Group>> groups = Groups(choice, size);
  if (!groups.ok()) return groups.status();
  SchemeSpec spec = choice.scheme;
  spec.slots = static_cast<int>(groups->front().slots.size());
  absl::StatusOr<std::unique_ptr<Scheme>> scheme = MakeScheme(spec);
  if (!scheme.ok()) return scheme.status();
  ChoiceCost cost;
  cost.load = (*scheme)->load();
  cost.versions = (*scheme)->delay() + 1;
  const bool multiplexed = spec.kind == SchemeSpec::Kind::kMSgc;
  cost.replies_per_job = static_cast<double>(spec.slots) * (multiplexed ? cost.versions : 1);
  // Over the rounds of one job a slot computes as much as in one round of several jobs.
  const int fleets = choice.fleet.kind == Arrangement::Kind::kSplit ? choice.fleet.groups : 1;
  cost.copies = cost.load * spec.slots * fleets;
  cost.tolerated = spec.kind == SchemeSpec::Kind::kUncoded ? 0
                   : spec.kind == SchemeSpec::Kind::kGc    ? spec.s
                                                           : spec.lambda;
  return cost;
}

}  // namespace gradloom
