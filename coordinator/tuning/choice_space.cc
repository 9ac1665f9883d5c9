#include "coordinator/tuning/choice_space.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

namespace gradloom {
namespace {

using Kind = SchemeSpec::Kind;

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

// Calls `add` with every parameter below `slots` tolerated stragglers; `distinct`: see the header.
void ForEachTolerance(int slots, bool distinct, const std::function<void(int)>& add) {
  for (int s = 0; s < slots; ++s) {
    if (!distinct || s + 1 == slots || slots / (s + 1) != slots / (s + 2)) add(s);
  }
}

int RepeatTolerance(int b, int w, int lambda) { return (b * lambda + w - 1 + b - 1) / (w - 1 + b); }

void AddSequential(Kind kind, int b, int w, int slots, bool distinct,
                   const std::function<void(const SchemeSpec&)>& add) {
  SchemeSpec spec;
  spec.kind = kind;
  spec.b = b;
  spec.w = w;
  const auto groups = [&](int lambda) {
    const int s = kind == Kind::kMSgc ? lambda : RepeatTolerance(b, w, lambda);
    return s >= slots ? 0 : slots / (s + 1);
  };
  for (spec.lambda = 1; spec.lambda <= slots; ++spec.lambda) {
    // Over all slots M-SGC needs no code; SR-SGC needs s < n.
    if (kind == Kind::kSrSgc && groups(spec.lambda) == 0) return;
    const bool last = spec.lambda == slots || groups(spec.lambda) != groups(spec.lambda + 1);
    if (!distinct || last) add(spec);
  }
}

std::vector<Choice> Enumerate(const ChoiceSpace& space, const FleetSize& size, bool distinct) {
  const double none = std::numeric_limits<double>::infinity();
  const bool limited = space.copies_max < none || space.load_min > 0 || space.load_max < none;
  std::vector<Choice> out;
  for (const Arrangement& fleet : Arrangements(space, size)) {
    const int slots = SlotsOf(fleet, size.slots);
    const int delay_max = std::min(space.delay_max, LanesOf(fleet, size.lanes) - 1);
    const auto add = [&](const SchemeSpec& spec) {
      Choice choice{spec, {}, fleet};
      choice.scheme.slots = slots;
      if (limited) {
        const absl::StatusOr<ChoiceCost> cost = CostOf(choice, size);
        if (!cost.ok() || cost->copies > space.copies_max) return;
        const double load = InvocationLoad(choice, *cost, size.lanes);
        if (load < space.load_min || load > space.load_max) return;
      }
      out.push_back(std::move(choice));
    };
    SchemeSpec spec;
    spec.kind = Kind::kMultiMessage;
    spec.reach = ReachWithin(slots, space.copies_max / fleet.groups);
    if (space.multi_message) add(spec);
    spec.reach = 0;
    spec.kind = Kind::kUncoded;
    if (space.uncoded) add(spec);
    spec.kind = Kind::kGc;
    if (space.gc) {
      ForEachTolerance(slots, distinct, [&](int s) {
        spec.s = s;
        add(spec);
      });
    }
    for (int b = 1; space.sr_sgc && b <= std::min(4, delay_max); ++b) {
      for (int x = 1; x <= space.repeat_factor_max; ++x) {
        AddSequential(Kind::kSrSgc, b, x * b + 1, slots, distinct, add);
      }
    }
    for (int w = 2; space.m_sgc && w <= delay_max + 1; ++w) {
      for (int b = 1; b < w && w - 2 + b <= delay_max; ++b) {
        AddSequential(Kind::kMSgc, b, w, slots, distinct, add);
      }
    }
  }
  return out;
}

}  // namespace

int ReachWithin(int slots, double copies) {
  return copies >= slots ? 0 : std::max(1, static_cast<int>(copies));
}

double InvocationLoad(const Choice& choice, const ChoiceCost& cost, int lanes) {
  const bool gang = choice.fleet.kind == Arrangement::Kind::kGang;
  // Its jobs have as many chunks as replies.
  const double load =
      choice.scheme.kind == Kind::kMultiMessage ? 1 / cost.replies_per_job : cost.load;
  return load * (gang ? (lanes + choice.fleet.groups - 1) / choice.fleet.groups : 1);
}

std::vector<Choice> AllChoices(const ChoiceSpace& space, const FleetSize& size) {
  return Enumerate(space, size, false);
}

std::vector<Choice> DistinctChoices(const ChoiceSpace& space, const FleetSize& size) {
  return Enumerate(space, size, true);
}

std::vector<Choice> OtherClosings(const Choice& choice) {
  using Rule = ClosingRuleSpec::Kind;
  std::vector<Choice> out;
  if (choice.scheme.kind != Kind::kSrSgc && choice.scheme.kind != Kind::kMSgc) return out;
  const auto add = [&](const ClosingRuleSpec& closing) {
    out.push_back(choice);
    out.back().closing = closing;
  };
  for (double mu : {0.25, 0.5, 1.0}) add({Rule::kMu, mu});
  for (double quantile : {0.5, 0.9}) {
    for (double factor : {1.0, 1.25}) add({Rule::kQuantile, 1, quantile, factor});
  }
  return out;
}

double LeastSeconds(const Choice& choice, const FleetSize& size, double least_seconds,
                    double slope_seconds) {
  const SchemeSpec& spec = choice.scheme;
  // Of the largest weave.
  const int slots = (size.slots + choice.fleet.groups - 1) / choice.fleet.groups;
  // The smallest task: an M-SGC job is dealt out over W - 1 + B rounds.
  const int parts = spec.kind == Kind::kMSgc ? slots * (spec.w - 1 + spec.b)
                    : spec.kind == Kind::kGc ? std::max(1, slots / (spec.s + 1))
                    : spec.kind == Kind::kSrSgc
                        ? std::max(1, slots / (RepeatTolerance(spec.b, spec.w, spec.lambda) + 1))
                        : slots;
  // With T = 0 a woven round is one job after the other; otherwise a lane's own jobs are.
  const bool chained =
      choice.fleet.kind == Arrangement::Kind::kWoven &&
      (spec.kind == Kind::kUncoded || spec.kind == Kind::kGc || spec.kind == Kind::kMultiMessage);
  const int64_t chain = chained ? size.jobs : (size.jobs + size.lanes - 1) / size.lanes;
  return static_cast<double>(chain) * (least_seconds + slope_seconds / parts);
}

}  // namespace gradloom
