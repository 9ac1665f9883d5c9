// Scalars as YAML that every reader takes for the same value of the same type, whether it knows
// YAML 1.1 or 1.2: 1.1 takes 5e-04 and 1e3 for text, and yes, on, 0x10, 1:30 and 2026-01-01 for
// anything else than text.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_YAML_TEXT_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_YAML_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace gradloom {

// The shortest digits that read back as the same number: "0.1", "5.0", "5.0e-04", "-0.0", ".inf",
// ".nan". Of the shortest for a float are those that name no other float.
std::string YamlNumber(double value);
std::string YamlNumber(float value);
// Plain where nobody can take it for anything else, in double quotes otherwise; one line. Bytes
// that are no UTF-8 become U+FFFD.
std::string YamlString(absl::string_view text);
// "1m30s", "0s".
std::string YamlDuration(absl::Duration value);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_YAML_TEXT_H_
