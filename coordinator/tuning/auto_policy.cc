#include "coordinator/tuning/auto_policy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coordinator/simulation/simulator.h"

namespace gradloom {
namespace {

constexpr int kResamples = 6;
constexpr int kFinalists = 6;
// Loads may so much exceed, or fall below, those that were observed.
constexpr double kTrustedFactor = 4;
// Applied jobs between two searches: a share of those so far.
constexpr int kSearchEvery = 4;
constexpr int kLeastGroup = 8;  // slots, of the first split
constexpr double kGiveUp = 1.5;
constexpr double kLeastDealt = 0.01;  // that shares must gain over more equal ones
constexpr uint64_t kProfileSeed = 2;
constexpr double kErrors = 2;  // standard errors that a gain must exceed
// The least predicted gain, as a fraction, once every lane has applied one job; it falls with them.
constexpr double kEarlyDoubt = 0.1;

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Standard error of the mean.
double ErrorOfMean(const std::vector<double>& values) {
  const double mean = Mean(values);
  double squares = 0;
  for (double value : values) squares += (value - mean) * (value - mean);
  const auto count = static_cast<double>(values.size());
  return std::sqrt(squares / (count - 1) / count);
}

// Replaces the weaves as soon as the first lane could go on.
class SwitchOnce final : public SimulationPilot {
 public:
  SwitchOnce(const AutoDecision& decision, int slots) : decision_(decision), slots_(slots) {}
  void Observe(int, double, double, bool) override {}
  std::optional<std::vector<WeavePlan>> Steer(double /*now_seconds*/, int /*lane*/) override {
    if (std::exchange(switched_, true)) return std::nullopt;
    return *WeavesOf(decision_, slots_);
  }

 private:
  const AutoDecision& decision_;
  int slots_;
  bool switched_ = false;
};

std::vector<int64_t> JobsLeft(const std::vector<LanePlan>& lanes) {
  std::vector<int64_t> left;
  for (const LanePlan& lane : lanes) {
    left.push_back(std::max<int64_t>(0, lane.jobs - lane.first_job));
  }
  return left;
}

// Of these lanes so many do not wait for another one's end.
int SideBySide(const std::vector<LanePlan>& lanes) {
  return static_cast<int>(std::count_if(lanes.begin(), lanes.end(), [](const LanePlan& lane) {
    return std::none_of(lane.needs.begin(), lane.needs.end(),
                        [](const LaneDependency& need) { return need.finished; });
  }));
}

int Groups(const AutoDecision& decision) {
  const Arrangement& fleet = decision.choice.fleet;
  const bool grouped =
      fleet.kind == Arrangement::Kind::kSplit || fleet.kind == Arrangement::Kind::kGang;
  return grouped ? std::min(fleet.groups, static_cast<int>(decision.lanes.size())) : 1;
}

}  // namespace

absl::StatusOr<std::vector<WeavePlan>> WeavesOf(const AutoDecision& decision, int slots) {
  return MakeWeaves(decision.choice, slots, decision.lanes, decision.done, decision.group_slots);
}

AutoPolicy::AutoPolicy(int slots, std::vector<LanePlan> lanes, AutoOptions options)
    : slots_(slots),
      plans_(std::move(lanes)),
      left_(JobsLeft(plans_)),
      options_(std::move(options)),
      recorder_(slots, options_.window),
      // Who was told need not look at once.
      reconsider_at_(options_.known.has_value() ? 2 * static_cast<int64_t>(left_.size()) : 0) {}

AutoDecision AutoPolicy::Blank() const {
  AutoDecision decision;
  for (int lane = 0; lane < static_cast<int>(left_.size()); ++lane) {
    (left_[lane] > 0 ? decision.lanes : decision.done).push_back(lane);
  }
  std::stable_sort(decision.lanes.begin(), decision.lanes.end(),
                   [this](int a, int b) { return left_[a] > left_[b]; });
  return decision;
}

std::vector<LanePlan> AutoPolicy::Rest(const std::vector<int>& lanes) const {
  std::vector<int> place(left_.size(), -1);
  for (size_t i = 0; i < lanes.size(); ++i) place[lanes[i]] = static_cast<int>(i);
  std::vector<LanePlan> rest;
  for (int lane : lanes) {
    LanePlan plan = plans_[lane];
    plan.first_job = plan.jobs - left_[lane];
    for (LaneDependency& need : plan.needs) need.lane = place[need.lane];
    // Lanes that are done are needed no more.
    std::erase_if(plan.needs, [](const LaneDependency& need) { return need.lane < 0; });
    rest.push_back(std::move(plan));
  }
  return rest;
}

absl::StatusOr<AutoDecision> AutoPolicy::First() {
  AutoDecision first = Blank();
  if (first.lanes.empty()) return absl::InvalidArgumentError("auto: no lane has a job left");
  if (options_.known.has_value()) {
    recorder_.Begin(*options_.known);
    absl::StatusOr<std::optional<AutoDecision>> best = Best(*options_.known, first);
    if (!best.ok()) return best.status();
    if (!best->has_value()) {
      return absl::InvalidArgumentError("auto: no choice can end a run on the profile given");
    }
    if (absl::Status status = Deal(*options_.known, &**best); !status.ok()) return status;
    current_ = **best;
    current_.why = "the profile that was given";
    return current_;
  }
  const ChoiceSpace& space = options_.search.space;
  const int lanes = SideBySide(Rest(first.lanes));
  first.choice.scheme.s = std::min(1, slots_ - 1);
  first.choice.fleet = {space.woven ? Arrangement::Kind::kWoven : Arrangement::Kind::kGang, 1,
                        false};
  const int groups = std::min(lanes, std::max(1, slots_ / kLeastGroup));
  if (space.split && groups > 1) first.choice.fleet = {Arrangement::Kind::kSplit, groups, true};
  first.why = "a probe: nothing is known";
  current_ = first;
  return first;
}

void AutoPolicy::Continue(const AutoDecision& decision) {
  if (options_.known.has_value()) recorder_.Begin(*options_.known);
  current_ = decision;
}

void AutoPolicy::EndLane(int lane) {
  left_[lane] = 0;
  lanes_ended_ = true;
}

absl::StatusOr<std::optional<AutoDecision>> AutoPolicy::JobApplied(int lane, bool lane_done) {
  ++applied_;
  // A job that was missed and comes late is not the first to be counted for it.
  left_[lane] = lane_done ? 0 : std::max<int64_t>(1, left_[lane] - 1);
  if (std::all_of(left_.begin(), left_.end(), [](int64_t left) { return left == 0; })) {
    return std::nullopt;
  }
  const bool drifted = recorder_.ForgetIfDrifted();
  const bool lanes_changed = std::exchange(lanes_ended_, false) || left_[lane] == 0;
  if (!lanes_changed && !drifted && applied_ < reconsider_at_) return std::nullopt;
  if (recorder_.observed() == 0 && !options_.known.has_value()) return std::nullopt;
  if (!recorder_.Slope().has_value()) {
    // A ladder tells what load costs as soon as both its loads have been seen; another load does.
    if (current_.choice.fleet.ladder || lanes_changed) return std::nullopt;
    return Probe();
  }
  const auto lanes = static_cast<int64_t>(left_.size());
  reconsider_at_ = applied_ + (applied_ < 2 * lanes ? 1 : std::max(lanes, applied_ / kSearchEvery));
  return Reconsider(recorder_.Profile(options_.profile_rows, kProfileSeed), lanes_changed);
}

std::optional<AutoDecision> AutoPolicy::Probe() {
  AutoDecision probe = Blank();
  probe.choice = current_.choice;
  SchemeSpec& scheme = probe.choice.scheme;
  if (scheme.kind == SchemeSpec::Kind::kUncoded) {
    scheme = {.kind = SchemeSpec::Kind::kGc, .slots = scheme.slots};
  }
  if (scheme.kind != SchemeSpec::Kind::kGc) return std::nullopt;
  const int s = scheme.s;
  // Half the load where that leaves some redundancy, otherwise twice, or what a group's slots
  // allow.
  const std::vector<int>& dealt = current_.group_slots;
  const int group =
      dealt.empty() ? slots_ / Groups(current_) : *std::min_element(dealt.begin(), dealt.end());
  const int twice = 2 * s + 1;
  scheme.s = s >= 3 ? (s + 1) / 2 - 1 : twice < group ? twice : 0;
  if (scheme.s == s) return std::nullopt;
  probe.why = "a probe: what does load cost?";
  current_ = probe;
  return probe;
}

absl::StatusOr<std::optional<AutoDecision>> AutoPolicy::Reconsider(const FleetProfile& profile,
                                                                   bool lanes_changed) {
  absl::StatusOr<std::optional<AutoDecision>> best = Best(profile, Blank());
  if (!best.ok()) return best.status();
  if (!best->has_value()) return std::nullopt;
  AutoDecision& next = **best;
  if (absl::Status status = Deal(profile, &next); !status.ok()) return status;
  absl::StatusOr<std::vector<double>> with = Predict(profile, next);
  if (!with.ok()) return with.status();
  absl::StatusOr<std::vector<double>> without = Predict(profile, current_);
  if (!without.ok()) return without.status();
  std::vector<double> gains;
  for (size_t i = 0; i < with->size(); ++i) gains.push_back((*without)[i] - (*with)[i]);
  const double gain = Mean(gains);
  const double now = Mean(*without);
  // What little has been seen so far may mislead.
  const double doubt =
      options_.known.has_value()
          ? 0
          : kEarlyDoubt * static_cast<double>(left_.size()) / static_cast<double>(applied_);
  if (!(gain > kErrors * ErrorOfMean(gains)) ||
      !(gain > std::max(options_.hysteresis, doubt) * now)) {
    return std::nullopt;
  }
  // What is seen in the meantime is of the switch, not of what was switched to.
  reconsider_at_ = std::max(reconsider_at_, applied_ + static_cast<int64_t>(left_.size()));
  next.predicted_gain = gain / now;
  next.why = lanes_changed ? "slots of a lane that is done" : "the fleet as observed";
  current_ = next;
  return next;
}

absl::StatusOr<std::optional<AutoDecision>> AutoPolicy::Best(const FleetProfile& profile,
                                                             const AutoDecision& blank) const {
  SearchOptions search = options_.search;
  search.keep = kFinalists;
  search.resamples = kResamples;
  search.jobs_max = options_.horizon_jobs;
  search.give_up = kGiveUp;
  search.progress = nullptr;
  if (!options_.known.has_value()) {
    search.space.load_min = recorder_.load_min() / kTrustedFactor;
    search.space.load_max = recorder_.load_max() * kTrustedFactor;
  }
  absl::StatusOr<SearchResult> found =
      SearchChoices(profile, SizeOf(slots_, Rest(blank.lanes)), search);
  if (!found.ok()) {
    // Nothing within the trusted loads, or nothing that can end: as before.
    if (found.status().code() == absl::StatusCode::kInvalidArgument) return std::nullopt;
    return found.status();
  }
  // The best as recorded, unless another is better over resampled fleets by more than chance.
  const RankedChoice* best = &found->ranked.front();
  for (const RankedChoice& other : found->ranked) {
    std::vector<double> gains;
    for (size_t i = 0; i < other.resampled_seconds.size(); ++i) {
      gains.push_back(best->resampled_seconds[i] - other.resampled_seconds[i]);
    }
    if (Mean(gains) > kErrors * ErrorOfMean(gains)) best = &other;
  }
  AutoDecision decision = blank;
  decision.choice = best->choice;
  return decision;
}

absl::Status AutoPolicy::Deal(const FleetProfile& profile, AutoDecision* decision) const {
  const int groups = Groups(*decision);
  std::vector<double> left(groups, 0);
  for (size_t i = 0; i < decision->lanes.size(); ++i) {
    left[i % groups] += static_cast<double>(left_[decision->lanes[i]]);
  }
  if (groups == 1 ||
      *std::max_element(left.begin(), left.end()) == *std::min_element(left.begin(), left.end())) {
    return absl::OkStatus();
  }
  double best = std::numeric_limits<double>::infinity();
  AutoDecision dealt = *decision;
  for (const double power : {0.0, 1.0, 2.0}) {
    double sum = 0;
    for (double jobs : left) sum += std::pow(jobs, power);
    double share = 0;
    int given = 0;
    dealt.group_slots.clear();
    for (double jobs : left) {
      share += std::pow(jobs, power) / sum;
      const int until = static_cast<int>(std::lround(share * slots_));
      dealt.group_slots.push_back(until - given);
      given = until;
    }
    const int least = *std::min_element(dealt.group_slots.begin(), dealt.group_slots.end());
    if (least <= dealt.choice.scheme.s || least < 1) continue;
    absl::StatusOr<std::vector<double>> seconds = Predict(profile, dealt);
    if (!seconds.ok()) return seconds.status();
    if (Mean(*seconds) < (1 - kLeastDealt) * best) {
      best = Mean(*seconds);
      decision->group_slots = dealt.group_slots;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<double>> AutoPolicy::Predict(const FleetProfile& profile,
                                                        const AutoDecision& decision) const {
  const bool begun = !current_.lanes.empty();
  const AutoDecision& now = begun ? current_ : decision;
  for (const AutoDecision* each : {&now, &decision}) {
    const absl::StatusOr<std::vector<WeavePlan>> legal = WeavesOf(*each, slots_);
    if (!legal.ok()) return legal.status();
  }
  const int64_t jobs = std::accumulate(left_.begin(), left_.end(), int64_t{0});
  const double part =
      std::min(1.0, static_cast<double>(options_.horizon_jobs) / static_cast<double>(jobs));
  std::vector<LanePlan> lanes;
  for (size_t lane = 0; lane < left_.size(); ++lane) {
    const int64_t left = left_[lane];
    lanes.push_back(plans_[lane]);
    lanes.back().first_job = plans_[lane].jobs - left;
    lanes.back().jobs =
        lanes.back().first_job + static_cast<int64_t>(std::ceil(static_cast<double>(left) * part));
    if (begun && left > 0) ++lanes.back().jobs;  // the one that ends as the weaves are replaced
  }
  std::vector<double> out(kResamples, std::numeric_limits<double>::infinity());
  options_.search.run_all(kResamples, [&](int sample) {
    CorePlan plan;
    plan.slots = slots_;
    plan.lanes = lanes;
    plan.weaves = *WeavesOf(now, slots_);
    SwitchOnce pilot(decision, slots_);
    SimulationOptions simulation;
    simulation.apply_seconds = options_.search.apply_seconds;
    if (&decision != &current_ && begun) simulation.pilot = &pilot;
    const std::vector<int> order =
        ResampledOrder(profile, 8 * options_.horizon_jobs, static_cast<uint64_t>(sample));
    const absl::StatusOr<SimulationResult> result =
        Simulate(std::move(plan), *MakeProfileDelays(profile, order), simulation);
    if (result.ok()) out[sample] = result->total_seconds;
  });
  return out;
}

}  // namespace gradloom
