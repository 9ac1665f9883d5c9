// Uncoded training: one share a slot, nothing may be missing.
#ifndef GRADLOOM_CODING_SCHEMES_UNCODED_SCHEME_H_
#define GRADLOOM_CODING_SCHEMES_UNCODED_SCHEME_H_

#include "coding/scheme_kind.h"

namespace gradloom {

extern const SchemeKind kUncodedScheme;

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SCHEMES_UNCODED_SCHEME_H_
