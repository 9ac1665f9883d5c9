// Fractional repetition (Tandon et al. 2017, section 4), also for s + 1 not dividing n: m =
// floor(n / (s+1)) groups of at least s + 1 slots; each group owns 1/m of the data as one chunk
// with coefficient 1, and every member returns the same bits. Decoding takes the lowest live slot
// of each group: exact, O(n), amplification 1.
//
// Slot i belongs to group i mod m, so that slots held by one machine, which are usually
// neighbours, are spread over as many groups as possible.
#ifndef GRADLOOM_CODING_CODES_FRACTIONAL_REPETITION_H_
#define GRADLOOM_CODING_CODES_FRACTIONAL_REPETITION_H_

#include <memory>

#include "absl/strings/string_view.h"
#include "coding/code.h"
#include "coding/codes/code_table.h"

namespace gradloom {

std::unique_ptr<GradientCode> MakeFractionalRepetition(const CodeParameters& valid);
extern const CodeKind kFractionalRepetitionCode;

// Likewise under another name, of static storage duration, which errors tell.
std::unique_ptr<GradientCode> MakeRepetition(absl::string_view name, int slots, int s);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_FRACTIONAL_REPETITION_H_
