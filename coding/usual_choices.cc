#include "coding/usual_choices.h"

#include "coding/closing_rules/mu_rule.h"
#include "coding/schemes/gc_scheme.h"
#include "coding/schemes/m_sgc_scheme.h"
#include "coding/schemes/multi_message_scheme.h"
#include "coding/schemes/uncoded_scheme.h"

namespace gradloom {

SchemeSpec DefaultScheme(int slots) {
  return slots < 2 ? SchemeSpec(kUncodedScheme, slots) : CodeTolerating(1, slots);
}

const SchemeKind& UninformedScheme() { return kMultiMessageScheme; }

SchemeSpec CodeTolerating(int s, int slots) {
  SchemeSpec spec(kGcScheme, slots);
  spec.settings.Set("s", s);
  return spec;
}

int ToleratedByCode(const SchemeSpec& spec) {
  return spec.kind == &kGcScheme ? spec.settings.whole("s") : 0;
}

const SchemeKind& PublishedScheme() { return kMSgcScheme; }

ClosingRuleSpec PublishedRule(double mu) {
  ClosingRuleSpec rule(kMuRule);
  rule.settings.Set("mu", mu);
  return rule;
}

}  // namespace gradloom
