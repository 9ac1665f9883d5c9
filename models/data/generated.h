// What the generated sources share: ranges of settings, and labels.
#ifndef GRADLOOM_MODELS_DATA_GENERATED_H_
#define GRADLOOM_MODELS_DATA_GENERATED_H_

#include <cstdint>

#include "models/spec/numbers.h"

namespace gradloom {

// What the parts of a generated example draw from: stream b of (seed, kGeneratedData, example, b).
enum GeneratedPart : uint32_t { kFeatures = 0, kLabel = 1, kModel = 2 };

// The label of an example of an endless sequence: every `classes` consecutive examples (from a
// multiple on) have each class once, in an order of their own.
int BalancedLabel(uint64_t seed, int64_t example, int classes);

// Of an endless sequence, examples [first, first + count).
inline constexpr Range kCountRange = Within(1, 0x1p48), kFirstRange = Within(0, 0x1p48);
// Of noise, of distances.
inline constexpr Range kSizeRange = Within(0, 1e6);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_GENERATED_H_
