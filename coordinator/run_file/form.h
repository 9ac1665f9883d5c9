// What a run must be before anybody looks at what it says. A client of the API can send what no run
// file can: numbers that are none, durations without end, enum values that do not exist, control
// characters in names. After this nobody has to think of them. Internal to run_file.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_FORM_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_FORM_H_

#include <cstddef>
#include <cstdint>

#include "google/protobuf/message.h"
#include "models/spec/findings.h"

namespace gradloom {

inline constexpr size_t kMaxTextBytes = 4096;
inline constexpr int kMaxListed = 16'384;  // elements of a list
// Any whole number but a seed: two of them can be added, as signed numbers, too.
inline constexpr uint64_t kMaxWhole = (uint64_t{1} << 62) - 1;

// Every field of `message`, and below: numbers are finite and within the above (32-bit ones fit an
// int), durations are from 0 to a year, enum values are known, texts are UTF-8 in one line of
// printable characters and tabs, lists are not too long, and nothing is set that this version does
// not know.
void CheckForm(const google::protobuf::Message& message, Findings* findings);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_FORM_H_
