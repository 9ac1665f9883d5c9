// YAML onto any protobuf message, by reflection: keys are field names (snake_case), enum values are
// lower-case names, a Duration is "500ms", "1m30s" or a number of seconds, a map is a map, a
// repeated field is a list. Four abbreviations:
//  - a message with a oneof may be written as the alternative's name: `scheme: uncoded`;
//  - a message whose first field is an enum as that value: `optimizer: adam`;
//  - a message whose first field is `file` as the file's name: `csv: iris.csv`;
//  - a message whose only field is repeated as the list itself: `cifar10: [a.bin, b.bin]`.
// Where a list of strings holds something that is no scalar, the string is its YAML text.
//
// InvalidArgument messages read "file:line:column: path: what is wrong; what is legal".
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_YAML_TO_PROTO_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_YAML_TO_PROTO_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace gradloom {

inline constexpr size_t kMaxYamlBytes = 1 << 20;
// Aliases count each time they are used, so a file cannot unfold into billions of nodes.
inline constexpr int kMaxYamlNodes = 100'000;
inline constexpr int kMaxYamlDepth = 64;

// Replaces `message` by the text's single document. `file` is for error messages.
absl::Status YamlToMessage(absl::string_view text, absl::string_view file,
                           google::protobuf::Message* message);

// Sets one field, named by a path such as "optimizer.learning_rate" or "trials[0].seed", from YAML
// text, as on a command line. What was there is replaced; so is another alternative of a oneof.
absl::Status SetField(absl::string_view path, absl::string_view yaml,
                      google::protobuf::Message* message);

// Names as in a file.
std::vector<std::string> FieldNames(const google::protobuf::Descriptor* type);
// Without the "unspecified" zero.
std::vector<std::string> EnumNames(const google::protobuf::EnumDescriptor* type);
std::string EnumName(const google::protobuf::EnumValueDescriptor* value);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_YAML_TO_PROTO_H_
