#include "coding/closing_rule.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coding/closing_rules/mu_rule.h"
#include "coding/closing_rules/quantile_rule.h"

namespace gradloom {
namespace {

using Kind = ClosingRuleSpec::Kind;
using RulePointer = std::unique_ptr<ClosingRule>;

class WaitForAll final : public ClosingRule {
 public:
  absl::string_view name() const override { return "wait_for_all"; }
  void StartRound(int /*slots*/) override {}
  void Arrive(double /*seconds*/, bool /*late*/) override {}
  Decision Decide(double /*seconds*/, const CloseVerdict& /*verdict*/, int pending) override {
    return {.close = pending == 0};
  }
};

class FirstDecodable final : public ClosingRule {
 public:
  absl::string_view name() const override { return "first_decodable"; }
  void StartRound(int /*slots*/) override {}
  void Arrive(double /*seconds*/, bool /*late*/) override {}
  Decision Decide(double /*seconds*/, const CloseVerdict& verdict, int pending) override {
    return {.close = pending == 0 || verdict.may_close()};
  }
  bool accepts_early() const override { return true; }
};

struct Entry {
  Kind kind;
  RulePointer (*make)(const ClosingRuleSpec& valid);
};

constexpr Entry kRules[] = {
    {Kind::kWaitForAll,
     [](const ClosingRuleSpec&) -> RulePointer { return std::make_unique<WaitForAll>(); }},
    {Kind::kFirstDecodable,
     [](const ClosingRuleSpec&) -> RulePointer { return std::make_unique<FirstDecodable>(); }},
    {Kind::kMu,
     [](const ClosingRuleSpec& spec) -> RulePointer {
       return std::make_unique<MuRule>(spec.mu, false);
     }},
    {Kind::kMuWaitForAll,
     [](const ClosingRuleSpec& spec) -> RulePointer {
       return std::make_unique<MuRule>(spec.mu, true);
     }},
    {Kind::kQuantile,
     [](const ClosingRuleSpec& spec) -> RulePointer {
       return std::make_unique<QuantileRule>(spec.quantile, spec.factor);
     }},
};

absl::Status Validate(const ClosingRuleSpec& spec) {
  if (!std::isfinite(spec.mu) || spec.mu < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("closing rule: mu = ", spec.mu, ": legal are finite numbers >= 0"));
  }
  if (!(spec.quantile > 0 && spec.quantile <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("closing rule: quantile = ", spec.quantile,
                                                   ": legal are numbers > 0 and <= 1"));
  }
  if (!std::isfinite(spec.factor) || spec.factor <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("closing rule: factor = ", spec.factor, ": legal are finite numbers > 0"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClosingRule>> MakeClosingRule(const ClosingRuleSpec& spec) {
  if (absl::Status status = Validate(spec); !status.ok()) return status;
  for (const Entry& entry : kRules) {
    if (entry.kind == spec.kind) return entry.make(spec);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("closing rule: kind = ", static_cast<int>(spec.kind),
                   ": legal are wait_for_all, first_decodable, mu, mu_wait_for_all, quantile"));
}

}  // namespace gradloom
