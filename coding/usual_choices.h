// The schemes and the rule that are meant by name, since nobody has chosen any. This is the only
// place beside their own files and the tables that names one: everything else asks the tables.
#ifndef GRADLOOM_CODING_USUAL_CHOICES_H_
#define GRADLOOM_CODING_USUAL_CHOICES_H_

#include "coding/closing_kind.h"
#include "coding/scheme_kind.h"

namespace gradloom {

// Of a run that names no scheme: one straggler is tolerated, where there are others to take over.
SchemeSpec DefaultScheme(int slots);

// Needs to know nothing of a fleet, and shows what load costs: what an automatic choice begins
// with.
const SchemeKind& UninformedScheme();

// A code that tolerates s stragglers: what an automatic choice varies to learn what load costs.
SchemeSpec CodeTolerating(int s, int slots);
// The s of such a scheme, 0 of any other.
int ToleratedByCode(const SchemeSpec& spec);

// What published totals are of, under (1 + mu) x the fastest slot.
const SchemeKind& PublishedScheme();
ClosingRuleSpec PublishedRule(double mu);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_USUAL_CHOICES_H_
