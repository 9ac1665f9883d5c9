#include "coding/closing_kind.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coding/closing_rules/first_decodable.h"
#include "coding/closing_rules/mu_rule.h"
#include "coding/closing_rules/quantile_rule.h"
#include "coding/closing_rules/wait_for_all.h"
#include "coding/spec_text.h"

namespace gradloom {
namespace {

constexpr const ClosingKind* kRules[] = {
    &kWaitForAllRule, &kFirstDecodableRule, &kMuRule, &kMuWaitForAllRule, &kQuantileRule,
};

}  // namespace

ClosingRuleSpec::ClosingRuleSpec() : ClosingRuleSpec(kFirstDecodableRule) {}

std::span<const ClosingKind* const> ClosingTable() { return kRules; }

const ClosingKind* FindClosing(absl::string_view name) {
  for (const ClosingKind* rule : kRules) {
    if (rule->name == name) return rule;
  }
  return nullptr;
}

absl::StatusOr<std::unique_ptr<ClosingRule>> MakeClosingRule(const ClosingRuleSpec& spec) {
  Problems problems;
  CheckEach(spec.settings, &problems);
  const absl::Status status =
      ProblemStatus(absl::StrCat("closing rule ", spec.kind->name), spec.settings, problems);
  if (!status.ok()) return status;
  return spec.kind->make(spec.settings);
}

absl::StatusOr<ClosingRuleSpec> ParseClosing(absl::string_view given) {
  SpecText text("closing rule", given);
  const ClosingKind* kind = FindClosing(text.name());
  if (kind == nullptr) {
    std::vector<absl::string_view> names;
    for (const ClosingKind* rule : kRules) names.push_back(rule->name);
    return text.UnknownName(std::move(names));
  }
  ClosingRuleSpec spec(*kind);
  text.Take(&spec.settings);
  if (absl::Status status = text.Finish(); !status.ok()) return status;
  return spec;
}

std::string ClosingText(const ClosingRuleSpec& spec) {
  return SpecTextOf(spec.kind->name, spec.settings, true);
}

std::string ClosingUsage() {
  return absl::StrJoin(kRules, ", ", [](std::string* out, const ClosingKind* rule) {
    out->append(SpecUsage(rule->name, rule->parameters, true));
  });
}

}  // namespace gradloom
