// What the generated sources share: settings checked the same way, and labels.
#ifndef GRADLOOM_MODELS_DATA_GENERATED_H_
#define GRADLOOM_MODELS_DATA_GENERATED_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace gradloom {

// What the parts of a generated example draw from: stream b of (seed, kGeneratedData, example, b).
enum GeneratedPart : uint32_t { kFeatures = 0, kLabel = 1, kModel = 2 };

// The label of an example of an endless sequence: every `classes` consecutive examples (from a
// multiple on) have each class once, in an order of their own.
int BalancedLabel(uint64_t seed, int64_t example, int classes);

// InvalidArgument naming the field unless 1 <= value <= most.
absl::Status CheckCount(const std::string& field, uint64_t value, uint64_t most);
// InvalidArgument naming the field unless 0 <= value <= 1e6 (and a number).
absl::Status CheckSize(const std::string& field, double value);
// Examples [first, first + count): the end must fit.
absl::Status CheckSequence(const std::string& field, uint64_t first, uint64_t count);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_GENERATED_H_
