// Deadlines learnt from the fleet: factor x the q-quantile of slots' times over the last rounds.
// Unlike (1 + mu) x the fastest it does not care how fast the fastest slot is.
//
// Slots that were not waited for count as slower than all that arrived until they, late, say how
// slow they were: closing early must not make the fleet look fast. While no earlier round has
// taught anything, the quantile of the current round's own arrivals serves.
#ifndef GRADLOOM_CODING_CLOSING_RULES_QUANTILE_RULE_H_
#define GRADLOOM_CODING_CLOSING_RULES_QUANTILE_RULE_H_

#include <array>
#include <vector>

#include "coding/closing_kind.h"

namespace gradloom {

extern const ClosingKind kQuantileRule;

class QuantileRule final : public ClosingRule {
 public:
  // quantile in (0, 1], factor > 0.
  QuantileRule(double quantile, double factor) : quantile_(quantile), factor_(factor) {}

  absl::string_view name() const override { return kQuantileRule.name; }
  void StartRound(int slots) override;
  void Arrive(double seconds, bool late) override;
  Decision Decide(double seconds, const CloseVerdict& verdict, int pending) override;

 private:
  static constexpr int kRounds = 8;  // that teach
  struct Round {
    int asked = 0;
    int arrived = 0;              // on time
    std::vector<double> seconds;  // of all that were heard of during the round, late ones included
  };

  double Learnt();

  double quantile_;
  double factor_;
  std::array<Round, kRounds> ring_;
  int current_ = 0;
  double deadline_ = std::numeric_limits<double>::infinity();
  std::vector<double> scratch_;
};

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CLOSING_RULES_QUANTILE_RULE_H_
