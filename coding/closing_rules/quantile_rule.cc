#include "coding/closing_rules/quantile_rule.h"

#include <algorithm>
#include <cmath>

#include "coding/closing_rules/deadline.h"

namespace gradloom {
namespace {

constexpr Parameter kParameters[] = {{.name = "quantile",
                                      .otherwise = 0.5,
                                      .always_shown = true,
                                      .min = 0,
                                      .max = 1,
                                      .above_min = true},
                                     {.name = "factor",
                                      .otherwise = 1.5,
                                      .always_shown = true,
                                      .min = 0,
                                      .max = 1e6,
                                      .above_min = true}};

std::vector<Settings> Tries() {
  std::vector<Settings> tries;
  for (double quantile : {0.5, 0.9}) {
    for (double factor : {1.0, 1.25}) {
      tries.emplace_back(kParameters);
      tries.back().Set("quantile", quantile);
      tries.back().Set("factor", factor);
    }
  }
  return tries;
}

size_t Rank(double quantile, size_t count) {
  const auto rank = static_cast<size_t>(std::ceil(quantile * static_cast<double>(count)));
  return std::max<size_t>(rank, 1);
}

}  // namespace

void QuantileRule::StartRound(int slots) {
  deadline_ = Learnt();
  current_ = (current_ + 1) % kRounds;
  ring_[current_].asked = slots;
  ring_[current_].arrived = 0;
  ring_[current_].seconds.clear();
}

void QuantileRule::Arrive(double seconds, bool late) {
  Round& round = ring_[current_];
  // A bound on memory, should an owner report more late arrivals than there can be slots.
  if (round.seconds.size() < 4 * static_cast<size_t>(round.asked) + 64) {
    round.seconds.push_back(seconds);
  }
  if (late) return;
  ++round.arrived;
  const bool untaught = deadline_ == std::numeric_limits<double>::infinity();
  if (untaught && static_cast<size_t>(round.arrived) >= Rank(quantile_, round.asked)) {
    deadline_ = factor_ * seconds;
  }
}

double QuantileRule::Learnt() {
  scratch_.clear();
  size_t asked = 0;
  for (const Round& round : ring_) {
    scratch_.insert(scratch_.end(), round.seconds.begin(), round.seconds.end());
    asked += round.asked;
  }
  if (scratch_.empty()) return std::numeric_limits<double>::infinity();
  const size_t rank = std::min(Rank(quantile_, std::max(asked, scratch_.size())), scratch_.size());
  std::nth_element(scratch_.begin(), scratch_.begin() + (rank - 1), scratch_.end());
  return factor_ * scratch_[rank - 1];
}

ClosingRule::Decision QuantileRule::Decide(double seconds, const CloseVerdict& verdict,
                                           int pending) {
  if (pending == 0) return {.close = true};
  // Before the verdict allows it only an arrival can change anything.
  if (!verdict.may_close()) return {};
  if (DeadlineReached(seconds, deadline_)) return {.close = true};
  return {.ask_again_seconds = deadline_};
}

constinit const ClosingKind kQuantileRule = {
    .name = "quantile",
    .parameters = kParameters,
    .make = [](const Settings& valid) -> std::unique_ptr<ClosingRule> {
      return std::make_unique<QuantileRule>(valid.number("quantile"), valid.number("factor"));
    },
    .tries = Tries};

}  // namespace gradloom
