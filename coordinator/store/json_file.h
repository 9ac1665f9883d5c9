// Messages as JSON, on disk and printed: protobuf's, with the field names of the .proto files, and
// with 64-bit integers as the numbers that they are (protobuf writes them as strings). Protobuf's
// reader takes either.
#ifndef GRADLOOM_COORDINATOR_STORE_JSON_FILE_H_
#define GRADLOOM_COORDINATOR_STORE_JSON_FILE_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace gradloom {

// Which fields are written: those that differ from their default, or every one that is no message,
// for readers who do not know the defaults.
enum class JsonFields { kSet, kAll };

// Indented, ends with a newline.
std::string ToJson(const google::protobuf::Message& message, JsonFields fields = JsonFields::kSet);

// DataLoss with the parser's reason; unknown fields are errors.
absl::Status FromJson(absl::string_view json, google::protobuf::Message* message);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_JSON_FILE_H_
