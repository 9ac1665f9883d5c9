#include "coordinator/run_file/proto_to_yaml.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/run_file/yaml_scalar.h"
#include "coordinator/run_file/yaml_text.h"
#include "coordinator/run_file/yaml_to_proto.h"

namespace gradloom {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// index < 0: a singular field.
std::string Scalar(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection* reflection = message.GetReflection();
#define GRADLOOM_GET(Method)                           \
  (index < 0 ? reflection->Get##Method(message, field) \
             : reflection->GetRepeated##Method(message, field, index))
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return GRADLOOM_GET(Bool) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(GRADLOOM_GET(Int32));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(GRADLOOM_GET(Int64));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(GRADLOOM_GET(UInt32));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(GRADLOOM_GET(UInt64));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return YamlNumber(GRADLOOM_GET(Float));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return YamlNumber(GRADLOOM_GET(Double));
    case FieldDescriptor::CPPTYPE_ENUM:
      return YamlString(EnumName(GRADLOOM_GET(Enum)));
    case FieldDescriptor::CPPTYPE_STRING:
      return YamlString(GRADLOOM_GET(String));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return YamlDuration(ReadDuration(GRADLOOM_GET(Message)));
  }
#undef GRADLOOM_GET
  return "";
}

bool IsNested(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !IsDuration(field);
}

bool Printed(const Message& message, const FieldDescriptor* field) {
  const Reflection* reflection = message.GetReflection();
  if (field->is_repeated()) return reflection->FieldSize(message, field) > 0;
  if (field->has_presence()) return reflection->HasField(message, field);
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING ||
      field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    return reflection->HasField(message, field);
  }
  return true;
}

std::string ScalarList(const Message& message, const FieldDescriptor* field) {
  std::vector<std::string> values;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
    values.push_back(Scalar(message, field, i));
  }
  return absl::StrCat("[", absl::StrJoin(values, ", "), "]");
}

void Print(const Message& message, const std::string& indent, std::string* out);

// " {}" or a block below.
void PrintNested(const Message& message, const std::string& indent, std::string* out) {
  std::string body;
  Print(message, indent + "  ", &body);
  absl::StrAppend(out, body.empty() ? " {}\n" : absl::StrCat("\n", body));
}

void PrintMap(const Message& message, const FieldDescriptor* field, const std::string& indent,
              std::string* out) {
  const FieldDescriptor* key = field->message_type()->map_key();
  const FieldDescriptor* value = field->message_type()->map_value();
  std::vector<std::pair<std::string, const Message*>> entries;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
    const Message& entry = message.GetReflection()->GetRepeatedMessage(message, field, i);
    entries.emplace_back(Scalar(entry, key, -1), &entry);
  }
  std::sort(entries.begin(), entries.end());
  for (const auto& [name, entry] : entries) {
    // A key of more than 1024 characters has to be called one.
    absl::StrAppend(out, indent, name.size() < 1000 ? name : absl::StrCat("? ", name, "\n", indent),
                    ":");
    if (!IsNested(value)) {
      absl::StrAppend(out, " ", Scalar(*entry, value, -1), "\n");
      continue;
    }
    PrintNested(entry->GetReflection()->GetMessage(*entry, value), indent, out);
  }
}

void PrintMessages(const Message& message, const FieldDescriptor* field, const std::string& indent,
                   std::string* out) {
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
    std::string body;
    Print(message.GetReflection()->GetRepeatedMessage(message, field, i), indent + "  ", &body);
    if (body.empty()) {
      absl::StrAppend(out, indent, "- {}\n");
      continue;
    }
    body.replace(0, indent.size() + 2, absl::StrCat(indent, "- "));
    absl::StrAppend(out, body);
  }
}

void Print(const Message& message, const std::string& indent, std::string* out) {
  const auto* type = message.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (!Printed(message, field)) continue;
    absl::StrAppend(out, indent, field->name(), ":");
    if (field->is_map()) {
      absl::StrAppend(out, "\n");
      PrintMap(message, field, indent + "  ", out);
    } else if (field->is_repeated() && IsNested(field)) {
      absl::StrAppend(out, "\n");
      PrintMessages(message, field, indent + "  ", out);
    } else if (field->is_repeated()) {
      absl::StrAppend(out, " ", ScalarList(message, field), "\n");
    } else if (IsNested(field)) {
      PrintNested(message.GetReflection()->GetMessage(message, field), indent, out);
    } else {
      absl::StrAppend(out, " ", Scalar(message, field, -1), "\n");
    }
  }
}

}  // namespace

std::string ToYaml(const Message& message) {
  std::string out;
  Print(message, "", &out);
  return out;
}

}  // namespace gradloom
