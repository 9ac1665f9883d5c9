// One code, no delay: every slot computes its coded sum of job r in round r, which closes when
// enough have arrived. (n,s)-GC of Tandon et al. 2017, and uncoded training, whose code tolerates
// nothing.
#ifndef GRADLOOM_CODING_SCHEMES_GC_SCHEME_H_
#define GRADLOOM_CODING_SCHEMES_GC_SCHEME_H_

#include <memory>

#include "coding/code.h"
#include "coding/scheme.h"

namespace gradloom {

std::unique_ptr<Scheme> MakeGcScheme(std::unique_ptr<GradientCode> code);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SCHEMES_GC_SCHEME_H_
