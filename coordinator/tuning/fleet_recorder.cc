#include "coordinator/tuning/fleet_recorder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "coordinator/tuning/survival_curve.h"
#include "models/random.h"

namespace gradloom {
namespace {

constexpr double kLeastSeconds = 1e-6;
constexpr double kQuartile = 0.75;  // survival at the lower quartile
constexpr int kWindowsKept = 4;
constexpr int kJackknife = 8;
constexpr size_t kLeastOfLoad = 6;  // invocations that a quantile is taken of
// Drift: observations that count as the latest, of each slot; the least ratio of lower quartiles.
constexpr size_t kLatest = 2;
constexpr double kDriftRatio = 1.25;
constexpr double kDriftErrors = 6;  // standard errors; slots' delays of one moment hang together

// Adds the loads' points of one row to the sums of least squares, around their own mean.
void AddRow(const std::map<double, std::vector<SurvivalCurve::Value>>& loads, double* covariance,
            double* variance) {
  struct OfLoad {
    double load = 0;
    double weight = 0;
    SurvivalCurve curve;
  };
  std::vector<OfLoad> points;
  double level = kQuartile;
  for (const auto& [load, values] : loads) {
    SurvivalCurve curve(values);
    if (values.size() < kLeastOfLoad || curve.known_until() == 1) continue;
    level = std::max(level, curve.known_until());
    points.push_back({load, static_cast<double>(values.size()), std::move(curve)});
  }
  double weight_sum = 0, load_sum = 0, seconds_sum = 0;
  for (const OfLoad& point : points) {
    weight_sum += point.weight;
    load_sum += point.weight * point.load;
    seconds_sum += point.weight * point.curve.AtSurvival(level);
  }
  for (const OfLoad& point : points) {
    const double load = point.load - load_sum / weight_sum;
    const double seconds = point.curve.AtSurvival(level) - seconds_sum / weight_sum;
    *covariance += point.weight * load * seconds;
    *variance += point.weight * load * load;
  }
}

// What an invocation took: known, or drawn from those of its moment, and from the fleet's where the
// moment's end.
double Drawn(const std::optional<SurvivalCurve::Value>& heard, const SurvivalCurve& moment,
             const SurvivalCurve& fleet, RandomStream& random) {
  if (heard.has_value() && !heard->at_least) return heard->value;
  const double exceeded = heard.has_value() ? heard->value : 0;
  const double survival = moment.Survival(exceeded) * (1 - random.NextUniform());
  if (survival >= moment.known_until()) return std::max(exceeded, moment.AtSurvival(survival));
  const double least = std::max(exceeded, moment.end());
  return std::max(least, fleet.AtSurvival(fleet.Survival(least) * (1 - random.NextUniform())));
}

struct Weighted {
  double value = 0;
  double weight = 0;
};
std::optional<double> Median(std::vector<Weighted> values) {
  std::sort(values.begin(), values.end(),
            [](const Weighted& a, const Weighted& b) { return a.value < b.value; });
  double all = 0, below = 0;
  for (const Weighted& each : values) all += each.weight;
  for (const Weighted& each : values) {
    below += each.weight;
    if (2 * below >= all) return each.value;
  }
  return std::nullopt;
}

}  // namespace

FleetRecorder::FleetRecorder(int slots, int window)
    : kept_(slots), invocations_(slots, 0), window_(window) {}

void FleetRecorder::Begin(const FleetProfile& known) {
  for (int row = std::max(0, known.rows - window_); row < known.rows; ++row) {
    for (int slot = 0; slot < static_cast<int>(kept_.size()); ++slot) {
      const double seconds =
          known.fixed_seconds[static_cast<size_t>(row) * known.slots + slot % known.slots];
      if (!std::isfinite(seconds)) continue;
      kept_[slot].push_back({{slot, 0, seconds + known.reply_seconds, false}, -1});
    }
  }
  set_slope(known.slope_seconds);
  reply_seconds_ = known.reply_seconds;
}

void FleetRecorder::Observe(const InvocationObserved& observed) {
  if (observed.slot < 0 || observed.slot >= static_cast<int>(kept_.size())) return;
  if (!(observed.load >= 0) || !(observed.seconds > 0) || !std::isfinite(observed.seconds)) return;
  std::deque<Kept>& kept = kept_[observed.slot];
  kept.push_back({observed, invocations_[observed.slot]++});
  if (static_cast<int>(kept.size()) > kWindowsKept * window_) kept.pop_front();
  ++observed_;
}

int64_t FleetRecorder::completed() const {
  int64_t completed = 0;
  for (const auto& kept : kept_) {
    completed +=
        std::count_if(kept.begin(), kept.end(), [](const Kept& k) { return !k.observed.at_least; });
  }
  return completed;
}

double FleetRecorder::load_min() const {
  double least = std::numeric_limits<double>::infinity();
  for (const auto& kept : kept_) {
    for (const Kept& k : kept) least = std::min(least, k.observed.load);
  }
  return least;
}

double FleetRecorder::load_max() const {
  double most = 0;
  for (const auto& kept : kept_) {
    for (const Kept& k : kept) {
      most = std::max(most, k.observed.total_load());
    }
  }
  return most;
}

size_t FleetRecorder::FirstOfWindow(int slot) const {
  const size_t size = kept_[slot].size();
  return size - std::min<size_t>(size, window_);
}

std::optional<double> FleetRecorder::ComputedSlope(int left_out) const {
  std::vector<Weighted> slopes;
  for (int slot = 0; slot < static_cast<int>(kept_.size()); ++slot) {
    if (slot % kJackknife == left_out) continue;
    for (const auto& [k, invocation] : kept_[slot]) {
      if (k.compute_seconds > 0) {
        slopes.push_back({k.compute_seconds / k.total_load(), k.total_load()});
      }
    }
  }
  return Median(std::move(slopes));
}

double FleetRecorder::ReplySeconds() {
  std::vector<Weighted> costs;
  for (const auto& kept : kept_) {
    for (const auto& [k, invocation] : kept) {
      if (k.further_replies == 0 || k.compute_seconds <= 0) continue;
      const double computing = k.compute_seconds * k.further_load / k.total_load();
      const double replies = k.further_replies;
      costs.push_back({std::max(0.0, (k.further_seconds - computing) / replies), replies});
    }
  }
  reply_seconds_ = Median(std::move(costs)).value_or(reply_seconds_);
  return reply_seconds_;
}

std::optional<double> FleetRecorder::FittedSlope(int left_out) const {
  if (const std::optional<double> slope = ComputedSlope(left_out)) return slope;
  // By invocation and load.
  std::map<int64_t, std::map<double, std::vector<SurvivalCurve::Value>>> rows;
  for (int slot = 0; slot < static_cast<int>(kept_.size()); ++slot) {
    if (slot % kJackknife == left_out) continue;
    for (const auto& [k, invocation] : kept_[slot]) {
      rows[invocation][k.load].push_back({k.seconds, k.at_least});
    }
  }
  double covariance = 0, variance = 0;
  for (const auto& [invocation, loads] : rows) {
    if (loads.size() > 1) AddRow(loads, &covariance, &variance);
  }
  if (variance == 0 && !slope_.has_value()) {
    std::map<double, std::vector<SurvivalCurve::Value>> all;
    for (const auto& [invocation, loads] : rows) {
      for (const auto& [load, values] : loads) {
        all[load].insert(all[load].end(), values.begin(), values.end());
      }
    }
    AddRow(all, &covariance, &variance);
  }
  if (variance == 0) return std::nullopt;
  return std::max(0.0, covariance / variance);
}

std::optional<double> FleetRecorder::Slope() {
  if (slope_given_) return slope_;
  const std::optional<double> fitted = FittedSlope(-1);
  if (fitted.has_value()) slope_ = fitted;
  return slope_;
}

double FleetRecorder::SlopeError() {
  if (slope_given_) return 0;
  std::vector<double> without;
  for (int i = 0; i < kJackknife; ++i) {
    if (const std::optional<double> slope = FittedSlope(i)) without.push_back(*slope);
  }
  if (without.size() < 2) return slope_error_;
  const auto count = static_cast<double>(without.size());
  const double mean = std::accumulate(without.begin(), without.end(), 0.0) / count;
  double squares = 0;
  for (double slope : without) squares += (slope - mean) * (slope - mean);
  slope_error_ = std::sqrt((count - 1) / count * squares);
  return slope_error_;
}

double FleetRecorder::SlopeOrGuess() {
  if (const std::optional<double> slope = Slope()) return *slope;
  std::vector<double> quotients;
  for (const auto& kept : kept_) {
    for (const Kept& k : kept) {
      if (k.observed.load > 0) quotients.push_back(k.observed.seconds / k.observed.load);
    }
  }
  if (quotients.empty()) return 0;
  const auto middle = quotients.begin() + static_cast<int64_t>(quotients.size() / 2);
  std::nth_element(quotients.begin(), middle, quotients.end());
  return 0.5 * *middle;
}

FleetProfile FleetRecorder::Profile(int rows, uint64_t seed) {
  return ProfileWith(SlopeOrGuess(), rows, seed);
}

FleetProfile FleetRecorder::ProfileWith(double slope, int rows, uint64_t seed) {
  const double reply = ReplySeconds();
  const auto slots = static_cast<int>(kept_.size());
  // The slots' latest invocations side by side, then those before, ...: moments of the fleet.
  std::vector<std::vector<std::optional<SurvivalCurve::Value>>> moments;
  std::vector<SurvivalCurve::Value> all;
  for (int slot = 0; slot < slots; ++slot) {
    const std::deque<Kept>& kept = kept_[slot];
    for (size_t back = 0; back < kept.size() - FirstOfWindow(slot); ++back) {
      const InvocationObserved& k = kept[kept.size() - 1 - back].observed;
      if (back == moments.size()) moments.emplace_back(slots);
      moments[back][slot] = {std::max(kLeastSeconds, k.seconds - slope * k.load - reply),
                             k.at_least};
      all.push_back(*moments[back][slot]);
    }
  }
  const SurvivalCurve fleet(std::move(all));
  FleetProfile profile{rows, slots, {}, slope, reply};
  profile.fixed_seconds.reserve(static_cast<size_t>(rows) * slots);
  for (int row = 0; row < rows; ++row) {
    // Rows beyond those observed are such moments again, with the slots shuffled.
    const auto& moment = moments[moments.size() - 1 - row % moments.size()];
    std::vector<int> order(slots);
    std::iota(order.begin(), order.end(), 0);
    RandomStream random(seed, Purpose::kResample, row);
    for (int i = slots - 1; row >= static_cast<int>(moments.size()) && i > 0; --i) {
      std::swap(order[i], order[random.NextBelow(i + 1)]);
    }
    std::vector<SurvivalCurve::Value> heard;
    for (const auto& value : moment) {
      if (value.has_value()) heard.push_back(*value);
    }
    const SurvivalCurve curve(std::move(heard));
    for (int slot : order) {
      profile.fixed_seconds.push_back(Drawn(moment[slot], curve, fleet, random));
    }
  }
  return profile;
}

bool FleetRecorder::ForgetIfDrifted() {
  const double slope = SlopeOrGuess();
  std::vector<SurvivalCurve::Value> before, latest;
  for (int slot = 0; slot < static_cast<int>(kept_.size()); ++slot) {
    const std::deque<Kept>& kept = kept_[slot];
    for (size_t i = FirstOfWindow(slot); i < kept.size(); ++i) {
      const InvocationObserved& k = kept[i].observed;
      (i + kLatest < kept.size() ? before : latest)
          .push_back({std::max(kLeastSeconds, k.seconds - slope * k.load), k.at_least});
    }
  }
  if (before.size() < kept_.size() || latest.size() < kept_.size()) return false;
  if (std::abs(LogRank(before, latest)) < kDriftErrors) return false;
  // Where both are known.
  const SurvivalCurve curve_before(std::move(before));
  const SurvivalCurve curve_latest(std::move(latest));
  const double level =
      std::max({kQuartile, curve_before.known_until(), curve_latest.known_until()});
  const double ratio = curve_latest.AtSurvival(level) / curve_before.AtSurvival(level);
  if (ratio < kDriftRatio && ratio > 1 / kDriftRatio) return false;
  // Slots' delays of one moment hang together, so moments are what a sample is made of: a burst
  // like one before is no drift either.
  for (size_t back = kLatest; back + kLatest <= static_cast<size_t>(window_); ++back) {
    std::vector<SurvivalCurve::Value> moment;
    for (const std::deque<Kept>& kept : kept_) {
      for (size_t i = back + 1; i <= back + kLatest && i <= kept.size(); ++i) {
        const InvocationObserved& k = kept[kept.size() - i].observed;
        moment.push_back({std::max(kLeastSeconds, k.seconds - slope * k.load), k.at_least});
      }
    }
    if (moment.size() < kept_.size()) break;
    const SurvivalCurve curve(std::move(moment));
    const double known = std::max(level, curve.known_until());
    const double of_moment = curve.AtSurvival(known) / curve_before.AtSurvival(known);
    if (ratio > 1 ? of_moment * kDriftRatio > ratio : of_moment < ratio * kDriftRatio) return false;
  }
  for (auto& kept : kept_) {
    while (kept.size() > kLatest) kept.pop_front();
  }
  slope_given_ = false;
  slope_.reset();
  return true;
}

}  // namespace gradloom
