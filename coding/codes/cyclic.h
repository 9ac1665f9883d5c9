// Cyclic repetition (Tandon et al. 2017, algorithm 2): slot i holds chunks i .. i+s (mod n). H is
// an s x n Gaussian matrix whose rows sum to 0; row i of B lies in H's null space, with first
// coefficient 1, the rest -H_rest^-1 H_first. Any n - s rows span 1.
//
// For fidelity to the literature: badly conditioned beyond some 32 slots (coding/README.md), where
// `dual` with the same load serves better.
#ifndef GRADLOOM_CODING_CODES_CYCLIC_H_
#define GRADLOOM_CODING_CODES_CYCLIC_H_

#include <memory>

#include "coding/code.h"
#include "coding/codes/code_table.h"

namespace gradloom {

std::unique_ptr<GradientCode> MakeCyclic(const CodeParameters& valid);
extern const CodeKind kCyclicCode;

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_CYCLIC_H_
