// Early-stopped fractional repetition (ErasureHead: Wang, Liu, Shroff 2019): d copies of each of
// floor(n/d) chunks, d < s + 1 in general, so that whole groups may be missing. The least-squares
// weights are 1 for each group that answered; the residual is the fraction of missing groups.
#ifndef GRADLOOM_CODING_CODES_EARLY_STOP_H_
#define GRADLOOM_CODING_CODES_EARLY_STOP_H_

#include <memory>

#include "coding/code.h"
#include "coding/codes/code_table.h"

namespace gradloom {

std::unique_ptr<GradientCode> MakeEarlyStop(const CodeParameters& valid);
extern const CodeKind kEarlyStopCode;

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_EARLY_STOP_H_
