// Bernoulli code (Charles, Papailiopoulos, Ellenberg, "Approximate gradient coding via sparse
// random graphs", 2017): each slot holds each of n chunks with probability d/n, coefficients 1;
// given that no chunk is without an owner (it would never be computed) and no slot idle: a chunk or
// slot left empty gets one uniformly random slot or chunk.
#ifndef GRADLOOM_CODING_CODES_BERNOULLI_H_
#define GRADLOOM_CODING_CODES_BERNOULLI_H_

#include <memory>

#include "coding/code.h"
#include "coding/codes/code_table.h"

namespace gradloom {

std::unique_ptr<GradientCode> MakeBernoulli(const CodeParameters& valid);
extern const CodeKind kBernoulliCode;

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_BERNOULLI_H_
