#include "coding/closing_rules/mu_rule.h"

#include <algorithm>

#include "coding/closing_rules/deadline.h"

namespace gradloom {
namespace {

constexpr Parameter kParameters[] = {
    {.name = "mu", .otherwise = 1.0, .always_shown = true, .min = 0, .max = 1e6}};

std::vector<Settings> Tries() {
  std::vector<Settings> tries;
  for (double mu : {0.25, 0.5, 1.0}) {
    tries.emplace_back(kParameters);
    tries.back().Set("mu", mu);
  }
  return tries;
}

}  // namespace

void MuRule::StartRound(int /*slots*/) {
  deadline_ = std::numeric_limits<double>::infinity();
  violated_ = false;
}

void MuRule::Arrive(double seconds, bool late) {
  if (!late) deadline_ = std::min(deadline_, (1 + mu_) * seconds);
}

ClosingRule::Decision MuRule::Decide(double seconds, const CloseVerdict& verdict, int pending) {
  if (pending == 0) return {.close = true};
  if (!DeadlineReached(seconds, deadline_)) return {.ask_again_seconds = deadline_};
  if (verdict.may_close() && !violated_) return {.close = true};
  violated_ = violated_ || violation_waits_for_all_;
  return {};
}

constinit const ClosingKind kMuRule = {
    .name = "mu",
    .parameters = kParameters,
    .make = [](const Settings& valid) -> std::unique_ptr<ClosingRule> {
      return std::make_unique<MuRule>(valid.number("mu"), false);
    },
    .tries = Tries};

constinit const ClosingKind kMuWaitForAllRule = {
    .name = "mu_wait_for_all",
    .parameters = kParameters,
    .make = [](const Settings& valid) -> std::unique_ptr<ClosingRule> {
      return std::make_unique<MuRule>(valid.number("mu"), true);
    }};

}  // namespace gradloom
