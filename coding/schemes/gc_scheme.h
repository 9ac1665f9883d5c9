// (n,s)-GC of Tandon et al. 2017: one gradient code that tolerates s stragglers in every round.
#ifndef GRADLOOM_CODING_SCHEMES_GC_SCHEME_H_
#define GRADLOOM_CODING_SCHEMES_GC_SCHEME_H_

#include "coding/scheme_kind.h"

namespace gradloom {

extern const SchemeKind kGcScheme;

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SCHEMES_GC_SCHEME_H_
