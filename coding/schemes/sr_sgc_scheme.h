// SR-SGC: selective repetition of a gradient code (Krishnan, Ebrahimi, Khisti 2023, section 3.2).
// Round r asks the coded sums of job r of every slot, but some slots repeat their sum of job r - B
// instead, as many as that job still needs. B divides W - 1; s = ceil(B lambda / (W - 1 + B)),
// load (s+1)/n (the code's), T = B.
//
// With an exact code of known unit weights (fractional repetition) one slot repeats for each part
// that nobody has delivered: never more than the paper's |N| - s, where N are the slots without a
// result, for each such part is missing from at least s + 1 of them. With any other code the first
// |N| - s of N repeat, as in the paper.
//
// When a round conforms. Rounds r, r - B, r - 2B, ... form a chain as long as each left its job to
// be repeated; different residues mod B do not interact. Let U be the slots that lacked a result at
// some link. The round conforms if its own job already decodes, which ends the chain, or if the
// slots that have not delivered it are not in U and make it no larger than lambda. Then nobody who
// has to repeat has straggled twice, and a chain of k links leaves |N| <= lambda - k s + s, so that
// it ends within (W - 1) / B links of its start, hence within one window of W rounds: every
// (B, W, lambda)-bursty pattern, and every one with at most s stragglers a round, conforms.
#ifndef GRADLOOM_CODING_SCHEMES_SR_SGC_SCHEME_H_
#define GRADLOOM_CODING_SCHEMES_SR_SGC_SCHEME_H_

#include "coding/scheme_kind.h"

namespace gradloom {

extern const SchemeKind kSrSgcScheme;

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SCHEMES_SR_SGC_SCHEME_H_
