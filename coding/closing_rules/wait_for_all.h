// A round closes when nothing is pending, and never before.
#ifndef GRADLOOM_CODING_CLOSING_RULES_WAIT_FOR_ALL_H_
#define GRADLOOM_CODING_CLOSING_RULES_WAIT_FOR_ALL_H_

#include "coding/closing_kind.h"

namespace gradloom {

extern const ClosingKind kWaitForAllRule;

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CLOSING_RULES_WAIT_FOR_ALL_H_
