// The numbers of a spec message as a table: what each is when nobody says, and what is legal. So a
// kind's default and its range stand once, in one line beside the kind's code.
#ifndef GRADLOOM_MODELS_SPEC_NUMBERS_H_
#define GRADLOOM_MODELS_SPEC_NUMBERS_H_

#include <limits>
#include <optional>
#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "models/spec/findings.h"

namespace gradloom {

// Finite numbers from `low` to `high`.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool above = false;  // `low` itself is not legal
  bool below = false;  // `high` itself is not legal

  bool Contains(double value) const;  // not NaN
  // Completes "it must be ...": "from 1 to 64", "more than 0 and at most 1".
  std::string Text() const;
};
constexpr Range AtLeast(double low) { return {.low = low}; }
constexpr Range MoreThan(double low) { return {.low = low, .above = true}; }
constexpr Range Within(double low, double high) { return {.low = low, .high = high}; }
constexpr Range MoreThanUpTo(double low, double high) {
  return {.low = low, .high = high, .above = true};
}
constexpr Range AtLeastBelow(double low, double high) {
  return {.low = low, .high = high, .below = true};
}

// A double, uint32 or uint64 field, one or a list of them.
struct NumberField {
  const char* name;
  Range legal = {};
  std::optional<double> fallback = std::nullopt;
  // What has no default may be left out, unless it is required.
  bool required = false;
};

// Sets those that are not set and have a default.
void FillNumbers(std::span<const NumberField> fields, google::protobuf::Message* message);
// Reports those out of their range as "<path>.<name>", an element of a list with its index.
void CheckNumbers(std::span<const NumberField> fields, const google::protobuf::Message& message,
                  const std::string& path, Findings* findings);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_SPEC_NUMBERS_H_
