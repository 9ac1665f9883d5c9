// A message as YAML that YamlToMessage reads back to the same message.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_PROTO_TO_YAML_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_PROTO_TO_YAML_H_

#include <string>

#include "google/protobuf/message.h"

namespace gradloom {

// Numbers without presence are printed even when 0, so that a resolved run says everything; empty
// texts and unset fields are left out. Map entries are sorted by key.
std::string ToYaml(const google::protobuf::Message& message);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_PROTO_TO_YAML_H_
