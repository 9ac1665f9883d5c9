// The rule of Krishnan, Ebrahimi, Khisti (ICLR 2023): a round lasts (1 + mu) x the fastest slot's
// time; slots that are slower straggle. Should that pattern not conform, the round goes on until it
// does (the paper), or until every slot has delivered (the authors' code).
#ifndef GRADLOOM_CODING_CLOSING_RULES_MU_RULE_H_
#define GRADLOOM_CODING_CLOSING_RULES_MU_RULE_H_

#include "coding/closing_kind.h"

namespace gradloom {

extern const ClosingKind kMuRule;            // as in the paper
extern const ClosingKind kMuWaitForAllRule;  // as the authors' code

class MuRule final : public ClosingRule {
 public:
  MuRule(double mu, bool violation_waits_for_all)
      : mu_(mu), violation_waits_for_all_(violation_waits_for_all) {}

  absl::string_view name() const override {
    return violation_waits_for_all_ ? kMuWaitForAllRule.name : kMuRule.name;
  }
  void StartRound(int slots) override;
  void Arrive(double seconds, bool late) override;
  Decision Decide(double seconds, const CloseVerdict& verdict, int pending) override;

 private:
  double mu_;
  bool violation_waits_for_all_;
  double deadline_ = std::numeric_limits<double>::infinity();
  bool violated_ = false;  // this round, at its deadline
};

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CLOSING_RULES_MU_RULE_H_
