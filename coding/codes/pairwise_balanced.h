// Pairwise-balanced placement (Bitar, Wootters, El Rouayheb, "Stochastic gradient coding for
// straggler mitigation in distributed learning", 2020): every chunk has d owners and any two chunks
// share about as many, so that losses are spread evenly. Here by rotation: chunk j of n belongs to
// slots j + D (mod n) for a difference set D of d residues, found by search so that the numbers of
// pairs in D with each difference are as equal as possible (at most 1 where d (d-1) < n allows and
// the search succeeds; then two slots share at most one chunk).
//
// Rotations make all chunks equivalent: with straggler sets of a size equally likely, every chunk
// has the same expected weight. The paper's fixed weights 1/(d (1-p)) are unbiased too, with a much
// larger residual; weights here are the least-squares ones.
#ifndef GRADLOOM_CODING_CODES_PAIRWISE_BALANCED_H_
#define GRADLOOM_CODING_CODES_PAIRWISE_BALANCED_H_

#include <memory>

#include "coding/code.h"
#include "coding/codes/code_table.h"

namespace gradloom {

std::unique_ptr<GradientCode> MakePairwiseBalanced(const CodeParameters& valid);
extern const CodeKind kPairwiseBalancedCode;

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_PAIRWISE_BALANCED_H_
