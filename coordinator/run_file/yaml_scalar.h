// One YAML scalar as a protobuf field's value.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_YAML_SCALAR_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_YAML_SCALAR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace gradloom {

inline constexpr absl::Duration kLongestDuration = absl::Hours(24 * 365);

// Sets (or, for a repeated field, adds) `field` of `message` from the scalar's text. The message of
// an InvalidArgument says what is legal, not where.
absl::Status SetScalar(const std::string& text, const google::protobuf::FieldDescriptor* field,
                       google::protobuf::Message* message);

// "500ms", "2s", "1m30s", "1h" or a number of seconds; not negative, at most a year.
absl::StatusOr<absl::Duration> ParseDurationText(const std::string& text);

// What a field holds, in a reader's words: "a number", "one of: sgd, adam", "a duration (...)".
std::string LegalValues(const google::protobuf::FieldDescriptor* field);

bool IsDuration(const google::protobuf::FieldDescriptor* field);
absl::Duration ReadDuration(const google::protobuf::Message& duration);
void WriteDuration(absl::Duration value, google::protobuf::Message* duration);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_YAML_SCALAR_H_
