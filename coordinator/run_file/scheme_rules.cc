#include "coordinator/run_file/scheme_rules.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "coding/codes/code_table.h"
#include "coding/usual_choices.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/specs.h"

namespace gradloom {
namespace {

void FillAuto(v1::AutoScheme* chosen) {
  if (!chosen->has_delay_max()) chosen->set_delay_max(4);
  if (!chosen->has_hysteresis()) chosen->set_hysteresis(0.03);
}

void ValidateAuto(const v1::AutoScheme& chosen, Findings* findings) {
  if (chosen.has_copies_max()) {
    findings->Require(chosen.copies_max() >= 1, "scheme.auto.copies_max", chosen.copies_max(),
                      "1 or more");
  }
  findings->Require(chosen.delay_max() <= 64, "scheme.auto.delay_max", chosen.delay_max(),
                    "from 0 to 64");
  findings->Require(chosen.hysteresis() >= 0 && chosen.hysteresis() < 1, "scheme.auto.hysteresis",
                    chosen.hysteresis(), "from 0 to less than 1");
}

std::string Field(const SchemeKind& kind, absl::string_view parameter) {
  return absl::StrCat("scheme.", kind.name, ".", parameter);
}

void ValidateParameters(const SchemeKind& kind, const v1::SchemeSpec& scheme, Findings* findings) {
  const SchemeSpec spec = ToSchemeSpec(scheme, 0);
  Problems problems = CheckScheme(spec);
  // What a default stands for cannot be written.
  for (const Parameter& parameter : kind.parameters) {
    const std::optional<Value> given = GivenValue(ParametersOf(scheme), parameter);
    if (given == parameter.otherwise && !IsLegal(parameter, *given)) {
      problems.push_back({parameter.name, LegalText(parameter)});
    }
  }
  for (const Problem& problem : problems) {
    findings->Require(false, Field(kind, problem.parameter),
                      ValueText(spec.settings.at(problem.parameter)), problem.legal);
  }
}

}  // namespace

void FillScheme(v1::SchemeSpec* scheme) {
  if (scheme->scheme_case() == v1::SchemeSpec::SCHEME_NOT_SET && scheme->has_slots()) {
    SetScheme(DefaultScheme(static_cast<int>(scheme->slots())), scheme);
  }
  if (scheme->has_auto_()) FillAuto(scheme->mutable_auto_());
  const SchemeKind* kind = SchemeKindOf(*scheme);
  if (kind != nullptr) FillParameters(kind->parameters, MutableParametersOf(scheme));
}

void FillClosing(v1::ClosingSpec* closing) {
  if (closing->rule() == v1::ClosingSpec::RULE_UNSPECIFIED) {
    SetRule(*ClosingRuleSpec().kind, closing);
  }
  for (const ClosingKind* rule : ClosingTable()) FillParameters(rule->parameters, closing);
}

void ValidateScheme(const v1::SchemeSpec& scheme, int lanes, Findings* findings) {
  const size_t before = findings->count();
  if (scheme.has_slots()) {
    findings->Require(scheme.slots() >= 1 && scheme.slots() <= kMaxSlots, "scheme.slots",
                      scheme.slots(), absl::StrCat("from 1 to ", kMaxSlots));
  }
  const SchemeKind* kind = SchemeKindOf(scheme);
  if (kind != nullptr) ValidateParameters(*kind, scheme, findings);
  if (scheme.has_auto_()) ValidateAuto(scheme.auto_(), findings);
  const int64_t delay = SchemeDelay(scheme);
  if (lanes > 0 && delay > lanes - 1) {
    findings->Add("scheme",
                  absl::StrCat(SchemeName(scheme), ": delay T = ", delay, " needs at least ",
                               delay + 1, " trials, the run has ", lanes));
  }
  // What only coding knows. Without slots it is for the run's start to find out.
  if (!scheme.has_slots() || findings->count() > before) return;
  const auto made = MakeRunScheme(scheme, static_cast<int>(scheme.slots()));
  if (!made.ok()) findings->Add(made.status());
}

void ValidateClosing(const v1::ClosingSpec& closing, Findings* findings) {
  std::set<absl::string_view> seen;
  for (const ClosingKind* rule : ClosingTable()) {
    for (const Parameter& parameter : rule->parameters) {
      const std::optional<Value> given = GivenValue(closing, parameter);
      if (!given.has_value() || !seen.insert(parameter.name).second) continue;
      findings->Require(IsLegal(parameter, *given), absl::StrCat("closing.", parameter.name),
                        ValueText(*given), LegalText(parameter));
    }
  }
}

void ValidateReplies(const v1::SchemeSpec& scheme, v1::NumberFormat replies, Findings* findings) {
  const SchemeKind* kind = SchemeKindOf(scheme);
  if (kind == nullptr || replies == v1::FP32) return;
  const SchemeSpec spec = ToSchemeSpec(scheme, 0);
  for (const Parameter& parameter : kind->parameters) {
    if (parameter.names != CodeNames) continue;
    const CodeKind& code = *FindCode(spec.settings.word(parameter.name));
    std::vector<absl::string_view> legal;
    for (const CodeKind* other : CodeTable()) {
      if (other->unit_weights) legal.push_back(other->name);
    }
    findings->Require(code.unit_weights, "wire.replies",
                      absl::AsciiStrToLower(v1::NumberFormat_Name(replies)),
                      absl::StrCat("fp32 with ", Field(*kind, parameter.name), " ", code.name,
                                   ": only codes whose weights are 1 (", absl::StrJoin(legal, ", "),
                                   "), and schemes without a code, keep their accuracy with 16 "
                                   "bits"));
  }
}

void SettleScheme(uint32_t slots, v1::SchemeSpec* scheme) {
  if (!scheme->has_slots()) scheme->set_slots(slots);
  FillScheme(scheme);
}

int64_t SchemeDelay(const v1::SchemeSpec& scheme) { return DelayOf(ToSchemeSpec(scheme, 0)); }

std::string SchemeName(const v1::SchemeSpec& scheme) {
  const std::string text = SchemeText(ToSchemeSpec(scheme, 0));
  const std::string name = absl::StrReplaceAll(text, {{":", "("}});
  return name == text ? name : name + ")";
}

}  // namespace gradloom
