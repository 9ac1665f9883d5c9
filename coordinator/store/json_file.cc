#include "coordinator/store/json_file.h"

#include <google/protobuf/util/json_util.h>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"

namespace gradloom {

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  ABSL_RAW_CHECK(google::protobuf::util::MessageToJsonString(message, &json, options).ok(),
                 "a message that has no JSON");
  return json;
}

absl::Status FromJson(absl::string_view json, google::protobuf::Message* message) {
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(json.data(), json.size()), message);
  if (status.ok()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("no valid ", message->GetTypeName(), ": ", std::string(status.message())));
}

}  // namespace gradloom
