#include "coding/closing_rules/mu_rule.h"

#include <algorithm>

#include "coding/closing_rules/deadline.h"

namespace gradloom {

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

}  // namespace gradloom
