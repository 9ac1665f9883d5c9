// Multi-message communication (Ozfatura, Ulukus, Gunduz 2020; Amiri, Gunduz 2019): a slot computes
// one uncoded chunk after the other, in an order of its own, and returns each by itself, until the
// job is complete. So what slow slots have done counts, fast ones do more, and nobody has to know
// beforehand how many will straggle. T = 0.
//
// The orders are nested. Of q slots that share their chunks, slot x computes chunk x xor
// reverse(k) as its k-th one, reverse(k) being k's bits in reverse order over ceil(log2 q) of them
// (numbers beyond q are left out). If n is a power of two, slot i has after 2^h chunks computed
// just what fractional repetition with s = 2^h - 1 asks of it as a whole, so that a job is never
// complete later than under the best of these s, whoever straggles and however long; for any n,
// never later than uncoded, nor than when one slot of each q has computed all q chunks.
//
// A slot always has two chunks to do, so that it need not wait for the coordinator between them. A
// chunk that another slot has delivered is dropped, and replaced by the next of the slot's order
// that is still missing.
#ifndef GRADLOOM_CODING_SCHEMES_MULTI_MESSAGE_SCHEME_H_
#define GRADLOOM_CODING_SCHEMES_MULTI_MESSAGE_SCHEME_H_

#include "coding/scheme_kind.h"

namespace gradloom {

// `reach`: chunks that a slot computes at most. The slots fall into ceil(slots / reach) groups that
// share their chunks (slot i is in group i mod groups).
extern const SchemeKind kMultiMessageScheme;

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SCHEMES_MULTI_MESSAGE_SCHEME_H_
