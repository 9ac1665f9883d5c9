// A round closes as soon as the verdict allows it.
#ifndef GRADLOOM_CODING_CLOSING_RULES_FIRST_DECODABLE_H_
#define GRADLOOM_CODING_CLOSING_RULES_FIRST_DECODABLE_H_

#include "coding/closing_kind.h"

namespace gradloom {

extern const ClosingKind kFirstDecodableRule;

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CLOSING_RULES_FIRST_DECODABLE_H_
