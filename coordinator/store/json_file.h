// Messages on disk as protobuf's JSON, with the field names of the .proto files.
#ifndef GRADLOOM_COORDINATOR_STORE_JSON_FILE_H_
#define GRADLOOM_COORDINATOR_STORE_JSON_FILE_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace gradloom {

// Indented, ends with a newline.
std::string ToJson(const google::protobuf::Message& message);

// DataLoss with the parser's reason; unknown fields are errors.
absl::Status FromJson(absl::string_view json, google::protobuf::Message* message);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_JSON_FILE_H_
