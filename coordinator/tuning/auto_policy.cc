#include "coordinator/tuning/auto_policy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coding/usual_choices.h"
#include "coordinator/simulation/simulator.h"
#include "models/random.h"

namespace gradloom {
namespace {

constexpr int kResamples = 6;  // a multiple of the fleets
constexpr int kFinalists = 6;
constexpr double kAtOnceSeconds = 1e-9;
// Loads may so much exceed, or fall below, those that were observed.
constexpr double kTrustedFactor = 4;
// Applied jobs between two searches: a share of those so far.
constexpr int kSearchEvery = 4;
// s of the first code where nothing is known and the scheme that needs to know nothing is left out.
constexpr int kFirstTolerance = 2;
constexpr double kGiveUp = 1.5;
constexpr uint64_t kProfileSeed = 2;
constexpr double kSlopeErrors = 1.2;  // half of the slopes' weight lies beyond
constexpr double kUnseen = 4;         // times the longest delay known: one of a kind not seen yet
constexpr double kErrors = 2;         // standard errors that a gain must exceed
// The least predicted gain, as a fraction, once every lane has applied one job; it falls with them.
constexpr double kEarlyDoubt = 0.1;
// Likewise when no job is in flight, so that a switch is cheap.
constexpr double kIdleDoubt = 0.05;

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

// Redundancy hides what it is there for: invocations that are cut tell nothing of how long they
// would have been. By the rule of succession the next of `seen` invocations that are alike is worse
// than all of them with probability 1 / (seen + 1). So little is known at first that no code goes
// without redundancy, and a long run learns whether one can.
void AddUnseen(int64_t seen, FleetProfile* fleet) {
  double longest = 0;
  for (double seconds : fleet->fixed_seconds) {
    if (std::isfinite(seconds)) longest = std::max(longest, seconds);
  }
  RandomStream random(kProfileSeed, Purpose::kResample, static_cast<uint64_t>(fleet->rows));
  for (double& seconds : fleet->fixed_seconds) {
    if (random.NextUniform() * static_cast<double>(seen + 1) < 1) {
      seconds = std::max(seconds, kUnseen * longest);
    }
  }
}

// Replaces the weaves as soon as the first lane could go on.
class SwitchOnce final : public SimulationPilot {
 public:
  // decision: null: never.
  SwitchOnce(const AutoDecision* decision, int slots) : decision_(decision), slots_(slots) {}
  void Observe(const InvocationObserved&) override {}
  std::optional<std::vector<WeavePlan>> Steer(double /*now_seconds*/, int /*lane*/) override {
    if (decision_ == nullptr) return std::nullopt;
    return *WeavesOf(*std::exchange(decision_, nullptr), slots_);
  }

 private:
  const AutoDecision* decision_;
  int slots_;
};

// A recording, from where each slot is in it.
class RecordedRest final : public DelayModel {
 public:
  RecordedRest(const FleetProfile& profile, const FleetRecorder& recorder)
      : delays_(MakeProfileDelays(profile, RecordedOrder(profile))), recorder_(recorder) {}
  double Seconds(int slot, int64_t invocation, double load) const override {
    return delays_->Seconds(slot, recorder_.invocations(slot) + invocation, load);
  }
  double ReplySeconds() const override { return delays_->ReplySeconds(); }
  int slots() const override { return delays_->slots(); }

 private:
  const std::unique_ptr<DelayModel> delays_;
  const FleetRecorder& recorder_;
};

// The first invocation of some slots takes no time, nor a turn of theirs.
class FirstAtOnce final : public DelayModel {
 public:
  FirstAtOnce(const DelayModel& delays, const std::vector<bool>& slots)
      : delays_(delays), at_once_(slots) {}
  double Seconds(int slot, int64_t invocation, double load) const override {
    if (!at_once_[slot]) return delays_.Seconds(slot, invocation, load);
    return invocation == 0 ? kAtOnceSeconds : delays_.Seconds(slot, invocation - 1, load);
  }
  double ReplySeconds() const override { return delays_.ReplySeconds(); }
  int slots() const override { return delays_.slots(); }

 private:
  const DelayModel& delays_;
  const std::vector<bool>& at_once_;
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
  return MakeWeaves(decision.choice, slots, decision.lanes, decision.done);
}

AutoPolicy::AutoPolicy(int slots, std::vector<LanePlan> lanes, AutoOptions options)
    : slots_(slots),
      plans_(std::move(lanes)),
      left_(JobsLeft(plans_)),
      options_(std::move(options)),
      known_(options_.known),
      recorder_(slots, options_.window),
      done_here_(left_.size(), 0),
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
    absl::StatusOr<std::optional<AutoDecision>> best = Best({*known_}, first);
    if (!best.ok()) return best.status();
    if (!best->has_value()) {
      return absl::InvalidArgumentError("auto: no choice can end a run on the profile given");
    }
    current_ = **best;
    current_.why = "the profile that was given";
    return current_;
  }
  const ChoiceSpace& space = options_.search.space;
  if (space.Has(UninformedScheme())) {
    // With as much as the copies allow.
    UninformedScheme().enumerate({.slots = slots_, .copies_max = space.copies_max},
                                 [&](const SchemeSpec& offered) { first.choice.scheme = offered; });
  } else {
    const auto copies = static_cast<int>(std::min<double>(space.copies_max, slots_));
    first.choice.scheme = CodeTolerating(std::clamp(copies - 1, 0, kFirstTolerance), slots_);
  }
  const bool gang = SideBySide(Rest(first.lanes)) > 1 && space.gang;
  first.choice.fleet.kind = gang ? Arrangement::Kind::kGang : Arrangement::Kind::kWoven;
  first.why = "nothing is known";
  current_ = first;
  return first;
}

void AutoPolicy::Continue(const AutoDecision& decision) {
  if (known_.has_value()) recorder_.Begin(*known_);
  current_ = decision;
}

void AutoPolicy::EndLane(int lane) {
  left_[lane] = 0;
  lanes_ended_ = true;
}

std::vector<int> AutoPolicy::StartedWith(int lane) const {
  const std::vector<int>& lanes = current_.lanes;
  if (current_.choice.fleet.kind != Arrangement::Kind::kGang) return {lane};
  const auto groups = static_cast<size_t>(Groups(current_));
  const size_t place = std::find(lanes.begin(), lanes.end(), lane) - lanes.begin();
  std::vector<int> out;
  for (size_t i = place % groups; i < lanes.size(); i += groups) out.push_back(lanes[i]);
  return out;
}

bool AutoPolicy::RoundIsOver(int lane) const {
  const std::vector<int> lanes = StartedWith(lane);
  return std::none_of(lanes.begin(), lanes.end(), [&](int other) {
    // Who is further behind waits for something else.
    return left_[other] > 0 && done_here_[other] + 1 == done_here_[lane];
  });
}

absl::StatusOr<std::optional<AutoDecision>> AutoPolicy::JobApplied(int lane, bool lane_done) {
  ++applied_;
  // A job that was missed and comes late is not the first to be counted for it.
  left_[lane] = lane_done ? 0 : std::max<int64_t>(1, left_[lane] - 1);
  ++done_here_[lane];
  lanes_ended_ = lanes_ended_ || left_[lane] == 0;
  if (std::all_of(left_.begin(), left_.end(), [](int64_t left) { return left == 0; })) {
    return std::nullopt;
  }
  if (!RoundIsOver(lane)) return std::nullopt;
  still_lanes_ = StartedWith(lane);
  idle_ = still_lanes_.size() == current_.lanes.size();
  const bool drifted = recorder_.ForgetIfDrifted();
  if (drifted) known_.reset();
  const bool lanes_changed = std::exchange(lanes_ended_, false);
  if (!lanes_changed && !drifted && applied_ < reconsider_at_) return std::nullopt;
  // Who was told chose for the whole run: in the middle of jobs nothing new speaks for a switch.
  if (known_.has_value() && !lanes_changed && !idle_) return std::nullopt;
  if (recorder_.observed() == 0 && !known_.has_value()) return std::nullopt;
  const auto lanes = static_cast<int64_t>(left_.size());
  if (!recorder_.Slope().has_value()) {
    if (lanes_changed) return std::nullopt;
    return Probe();
  }
  reconsider_at_ = applied_ + (applied_ < 2 * lanes ? 1 : std::max(lanes, applied_ / kSearchEvery));
  return Reconsider(Observed(), lanes_changed);
}

AutoPolicy::Fleets AutoPolicy::Observed() {
  Fleets fleets = {recorder_.Profile(options_.profile_rows, kProfileSeed)};
  const double slope = fleets.front().slope_seconds;
  if (const double error = recorder_.SlopeError(); error > 0) {
    for (const double other :
         {std::max(0.0, slope - kSlopeErrors * error), slope + kSlopeErrors * error}) {
      fleets.push_back(recorder_.ProfileWith(other, options_.profile_rows, kProfileSeed));
    }
  }
  if (!known_.has_value()) {
    for (FleetProfile& fleet : fleets) AddUnseen(recorder_.completed(), &fleet);
  }
  return fleets;
}

AutoDecision AutoPolicy::Adopt(AutoDecision decision) {
  current_ = decision;
  done_here_.assign(left_.size(), 0);
  return decision;
}

std::optional<AutoDecision> AutoPolicy::Probe() {
  AutoDecision probe = Blank();
  probe.choice = current_.choice;
  SchemeSpec& scheme = probe.choice.scheme;
  if (DelayOf(scheme) > 0) return std::nullopt;
  const int s = ToleratedByCode(scheme);
  // Half the load where that leaves some redundancy, otherwise twice, or what a group's slots
  // allow.
  const int group = slots_ / Groups(current_);
  const int twice = 2 * s + 1;
  const int other = s >= 3 ? (s + 1) / 2 - 1 : twice < group ? twice : 0;
  if (other == s) return std::nullopt;
  scheme = CodeTolerating(other, scheme.slots);
  probe.why = "a probe: what does load cost?";
  return Adopt(std::move(probe));
}

absl::StatusOr<std::optional<AutoDecision>> AutoPolicy::Reconsider(const Fleets& fleets,
                                                                   bool lanes_changed) {
  absl::StatusOr<std::optional<AutoDecision>> best = Best(fleets, Blank());
  if (!best.ok()) return best.status();
  if (!best->has_value()) return std::nullopt;
  AutoDecision& next = **best;
  absl::StatusOr<std::vector<double>> with = Predict(fleets, next);
  if (!with.ok()) return with.status();
  absl::StatusOr<std::vector<double>> without = Predict(fleets, current_);
  if (!without.ok()) return without.status();
  std::vector<double> gains;
  for (size_t i = 0; i < with->size(); ++i) gains.push_back((*without)[i] - (*with)[i]);
  const double gain = Mean(gains);
  const double now = Mean(*without);
  // What little has been seen so far may mislead.
  const double doubt = known_.has_value()
                           ? 0
                           : (idle_ ? kIdleDoubt : kEarlyDoubt) *
                                 static_cast<double>(left_.size()) / static_cast<double>(applied_);
  // Of a recording that was given whole, its own order is the best guess.
  if (known_.has_value() && !(gains.front() > options_.hysteresis * without->front())) {
    return std::nullopt;
  }
  if (!(gain > kErrors * ErrorOfMean(gains)) ||
      !(gain > std::max(options_.hysteresis, doubt) * now)) {
    return std::nullopt;
  }
  // What is seen in the meantime is of the switch, not of what was switched to.
  reconsider_at_ = std::max(reconsider_at_, applied_ + static_cast<int64_t>(left_.size()));
  next.predicted_gain = gain / now;
  next.why = lanes_changed ? "slots of a lane that is done" : "the fleet as observed";
  return Adopt(std::move(next));
}

absl::StatusOr<std::optional<AutoDecision>> AutoPolicy::Best(const Fleets& fleets,
                                                             const AutoDecision& blank) const {
  SearchOptions search = options_.search;
  search.keep = kFinalists;
  search.resamples = 0;
  search.jobs_max = options_.horizon_jobs;
  search.give_up = kGiveUp;
  search.progress = nullptr;
  if (!known_.has_value()) {
    search.space.load_min = recorder_.load_min() / kTrustedFactor;
    search.space.load_max = recorder_.load_max() * kTrustedFactor;
  }
  absl::StatusOr<SearchResult> found =
      SearchChoices(fleets.front(), SizeOf(slots_, Rest(blank.lanes)), search);
  if (!found.ok()) {
    // Nothing within the trusted loads, or nothing that can end: as before.
    if (found.status().code() == absl::StatusCode::kInvalidArgument) return std::nullopt;
    return found.status();
  }
  // The best as recorded, unless another is better over the samples by more than chance.
  std::optional<AutoDecision> best;
  std::vector<double> best_seconds;
  for (const RankedChoice& ranked : found->ranked) {
    if (ranked.seconds > (1 + options_.hysteresis) * found->ranked.front().seconds) break;
    AutoDecision decision = blank;
    decision.choice = ranked.choice;
    absl::StatusOr<std::vector<double>> seconds = Predict(fleets, decision);
    if (!seconds.ok()) return seconds.status();
    if (best.has_value() && !(Mean(*seconds) < Mean(best_seconds))) continue;
    if (best.has_value() && known_.has_value() && seconds->front() > best_seconds.front()) continue;
    best = decision;
    best_seconds = *std::move(seconds);
  }
  return best;
}

int64_t AutoPolicy::LookedAhead(int64_t jobs) const {
  const int64_t all = std::accumulate(left_.begin(), left_.end(), int64_t{0});
  if (jobs == 0 || all <= options_.horizon_jobs) return jobs;
  const double part = static_cast<double>(options_.horizon_jobs) / static_cast<double>(all);
  return std::max(int64_t{1}, static_cast<int64_t>(std::llround(part * static_cast<double>(jobs))));
}

absl::StatusOr<std::vector<double>> AutoPolicy::Predict(const Fleets& fleets,
                                                        const AutoDecision& decision) const {
  const AutoDecision& now = idle_ ? decision : current_;
  for (const AutoDecision* each : {&now, &decision}) {
    const absl::StatusOr<std::vector<WeavePlan>> legal = WeavesOf(*each, slots_);
    if (!legal.ok()) return legal.status();
  }
  std::vector<LanePlan> lanes;
  for (size_t lane = 0; lane < left_.size(); ++lane) {
    lanes.push_back(plans_[lane]);
    lanes.back().first_job = plans_[lane].jobs - left_[lane];
    lanes.back().jobs = lanes.back().first_job + LookedAhead(left_[lane]);
  }
  // Slots that stand still, since their lanes' jobs have just been applied: those end once more, at
  // once, when the other lanes' jobs have but begun. No switch comes cheaper than it is, then.
  std::vector<bool> still(slots_, false);
  if (!idle_) {
    std::vector<WeavePlan> weaves = *WeavesOf(current_, slots_);
    for (const WeavePlan& weave : weaves) {
      if (std::find(still_lanes_.begin(), still_lanes_.end(), weave.lanes.front()) ==
          still_lanes_.end()) {
        continue;
      }
      for (int lane : weave.lanes) lanes[lane].jobs += left_[lane] > 0 ? 1 : 0;
      for (int slot : weave.slots) still[slot] = true;
    }
  }
  const int first = known_.has_value() ? 1 : 0;
  std::vector<double> out(kResamples + first);
  options_.search.run_all(kResamples + first, [&](int sample) {
    CorePlan plan;
    plan.slots = slots_;
    plan.lanes = lanes;
    plan.weaves = *WeavesOf(now, slots_);
    SwitchOnce pilot(idle_ || &decision == &current_ ? nullptr : &decision, slots_);
    SimulationOptions simulation;
    simulation.apply_seconds = options_.search.apply_seconds;
    simulation.pilot = &pilot;
    const bool as_recorded = sample < first;
    const FleetProfile& fleet = fleets[sample % fleets.size()];
    // A recording that was given also goes on where it is.
    const std::unique_ptr<DelayModel> delays =
        as_recorded ? std::make_unique<RecordedRest>(*known_, recorder_)
                    : MakeProfileDelays(fleet, ResampledOrder(fleet, 8 * options_.horizon_jobs,
                                                              static_cast<uint64_t>(sample)));
    const absl::StatusOr<SimulationResult> result =
        Simulate(std::move(plan), FirstAtOnce(*delays, still), simulation);
    out[sample] = result.ok() ? result->total_seconds : std::numeric_limits<double>::infinity();
  });
  return out;
}

}  // namespace gradloom
