// M-SGC: multiplexed sequential gradient coding (Krishnan, Ebrahimi, Khisti 2023, section 3.3).
// A job's data is D1, of W - 1 chunks per slot, and D2, of B groups, each protected by a gradient
// code that tolerates lambda missing slots. In round j + m a slot is asked, for each job j in
// flight, the next D1 chunk that it has not delivered; once it has delivered all of them and
// m >= W - 1, its coded sum over D2 group m - (W - 1). So a slot that straggled catches up with D1
// instead of serving a group. T = W - 2 + B. With lambda = n there is no D2.
//
// Sizes. Every mini-task costs the same: u = 1 / (n (W-1) + B / l), where l is the code's load, the
// fraction of a group that a slot computes. Load L = (W - 1 + B) u. A cyclic code has
// l = (lambda+1)/n, which gives the paper's L = (lambda+1)(W-1+B) / (n (B + (W-1)(lambda+1))).
// Fractional repetition has l = 1/m with m = floor(n / (lambda+1)) parts, the same if lambda + 1
// divides n; otherwise u = 1 / (n (W-1) + B m), the smallest that m allows. With lambda = n,
// u = 1 / (n (W-1)).
//
// Tolerates the (B, W, lambda)-bursty and the (B, W + B - 1, lambda)-arbitrary model. A round
// conforms if either model has held for as long as any job now in flight has been.
#ifndef GRADLOOM_CODING_SCHEMES_M_SGC_SCHEME_H_
#define GRADLOOM_CODING_SCHEMES_M_SGC_SCHEME_H_

#include "coding/scheme_kind.h"

namespace gradloom {

extern const SchemeKind kMSgcScheme;

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SCHEMES_M_SGC_SCHEME_H_
