// The schemes that are meant by name where nobody has chosen one. This is the only place beside a
// scheme's own file and the table that names any: everything else asks the table.
#ifndef GRADLOOM_CODING_USUAL_SCHEMES_H_
#define GRADLOOM_CODING_USUAL_SCHEMES_H_

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

// What published totals are compared with.
const SchemeKind& PublishedScheme();

}  // namespace gradloom

#endif  // GRADLOOM_CODING_USUAL_SCHEMES_H_
