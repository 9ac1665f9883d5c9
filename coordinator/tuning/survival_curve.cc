#include "coordinator/tuning/survival_curve.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace gradloom {

SurvivalCurve::SurvivalCurve(std::vector<Value> values) {
  // Of equal values the known ones first: who was cut at t was still there when another ended at t.
  std::sort(values.begin(), values.end(), [](const Value& a, const Value& b) {
    return std::pair(a.value, a.at_least) < std::pair(b.value, b.at_least);
  });
  double survival = 1;
  auto at_risk = static_cast<double>(values.size());
  for (const Value& value : values) {
    if (!value.at_least) {
      survival *= 1 - 1 / at_risk;
      values_.push_back(value.value);
      survival_.push_back(survival);
    }
    at_risk -= 1;
  }
  if (values_.empty()) {
    // Nothing has ended: as if everything did when it was last seen.
    end_ = values.empty() ? 0 : values.back().value;
    excess_ = end_;
    return;
  }
  end_ = values_.back();
  const size_t half = (values_.size() - 1) / 2;
  double sum = 0;
  for (size_t i = half; i < values_.size(); ++i) sum += values_[i] - values_[half];
  excess_ = sum / static_cast<double>(values_.size() - half);
}

double SurvivalCurve::Survival(double value) const {
  const auto after = std::upper_bound(values_.begin(), values_.end(), value);
  const double known = after == values_.begin() ? 1 : survival_[after - values_.begin() - 1];
  if (value <= end_ || excess_ <= 0) return known;
  return known * std::exp(-(value - end_) / excess_);
}

double SurvivalCurve::AtSurvival(double survival) const {
  const double last = known_until();
  if (survival < last) return last > 0 ? end_ + excess_ * std::log(last / survival) : end_;
  // The first known value after which no more than `survival` is left.
  const auto found = std::partition_point(survival_.begin(), survival_.end(),
                                          [&](double left) { return left > survival; });
  return found == survival_.end() ? end_ : values_[found - survival_.begin()];
}

double LogRank(const std::vector<SurvivalCurve::Value>& first,
               const std::vector<SurvivalCurve::Value>& second) {
  struct Entry {
    double value = 0;
    bool at_least = false;
    bool first = false;
  };
  std::vector<Entry> entries;
  for (const auto& value : first) entries.push_back({value.value, value.at_least, true});
  for (const auto& value : second) entries.push_back({value.value, value.at_least, false});
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tuple(a.value, a.at_least, a.first) < std::tuple(b.value, b.at_least, b.first);
  });
  auto first_at_risk = static_cast<double>(first.size());
  auto at_risk = static_cast<double>(entries.size());
  double surplus = 0, variance = 0;
  for (const Entry& entry : entries) {
    if (!entry.at_least) {
      const double share = first_at_risk / at_risk;
      surplus += (entry.first ? 1 : 0) - share;
      variance += share * (1 - share);
    }
    first_at_risk -= entry.first ? 1 : 0;
    at_risk -= 1;
  }
  return variance > 0 ? surplus / std::sqrt(variance) : 0;
}

}  // namespace gradloom
