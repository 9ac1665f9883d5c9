#include "coordinator/run_file/yaml_to_proto.h"

#include <yaml-cpp/yaml.h>

#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "coordinator/run_file/suggest.h"
#include "coordinator/run_file/yaml_scalar.h"

namespace gradloom {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

std::string Child(const std::string& path, absl::string_view key) {
  return path.empty() ? std::string(key) : absl::StrCat(path, ".", key);
}

// The only field when it is repeated (and no map): the message may be written as the list.
const FieldDescriptor* OnlyList(const Descriptor* type) {
  if (type->field_count() != 1) return nullptr;
  const FieldDescriptor* field = type->field(0);
  return field->is_repeated() && !field->is_map() ? field : nullptr;
}

class Walker {
 public:
  explicit Walker(absl::string_view file) : file_(file) {}

  absl::Status ReadMessage(const YAML::Node& node, const std::string& path, Message* message);
  absl::Status ReadField(const YAML::Node& node, const std::string& path,
                         const FieldDescriptor* field, Message* message);
  absl::Status ReadMapEntry(const YAML::Node& key, const YAML::Node& value, const std::string& path,
                            const FieldDescriptor* field, Message* message);
  absl::Status UnknownKey(const YAML::Node& node, const std::string& path, const std::string& key,
                          const Descriptor* type) const;

 private:
  absl::Status Error(const YAML::Node& node, const std::string& path, absl::string_view what) const;
  absl::Status ReadAbbreviation(const YAML::Node& node, const std::string& path, Message* message);
  absl::Status ReadList(const YAML::Node& node, const std::string& path,
                        const FieldDescriptor* field, Message* message);
  absl::Status ReadValue(const YAML::Node& node, const std::string& path,
                         const FieldDescriptor* field, Message* message);

  std::string file_;
  int nodes_ = 0;
  int depth_ = 0;
};

absl::Status Walker::Error(const YAML::Node& node, const std::string& path,
                           absl::string_view what) const {
  std::string place;
  const YAML::Mark mark = node.Mark();
  if (!file_.empty() && !mark.is_null()) {
    place = absl::StrCat(file_, ":", mark.line + 1, ":", mark.column + 1, ": ");
  } else if (!file_.empty()) {
    place = absl::StrCat(file_, ": ");
  }
  return absl::InvalidArgumentError(absl::StrCat(place, path, path.empty() ? "" : ": ", what));
}

absl::Status Walker::UnknownKey(const YAML::Node& node, const std::string& path,
                                const std::string& key, const Descriptor* type) const {
  const std::vector<std::string> known = FieldNames(type);
  return Error(node, Child(path, key),
               absl::StrCat("unknown key", DidYouMean(key, known),
                            known.empty() ? "; there are no keys here"
                                          : absl::StrCat("; known: ", absl::StrJoin(known, ", "))));
}

absl::Status Walker::ReadMessage(const YAML::Node& node, const std::string& path,
                                 Message* message) {
  if (++nodes_ > kMaxYamlNodes) {
    return Error(node, path, absl::StrCat("more than ", kMaxYamlNodes, " nodes, aliases unfolded"));
  }
  const Descriptor* type = message->GetDescriptor();
  if (node.IsNull()) return absl::OkStatus();
  if (node.IsScalar()) {
    // A list's own error teaches more.
    if (const FieldDescriptor* list = OnlyList(type)) return ReadList(node, path, list, message);
    return ReadAbbreviation(node, path, message);
  }
  if (node.IsSequence()) {
    if (const FieldDescriptor* list = OnlyList(type)) return ReadList(node, path, list, message);
    return Error(node, path,
                 absl::StrCat("a list where a map of keys is expected; known: ",
                              absl::StrJoin(FieldNames(type), ", ")));
  }
  if (++depth_ > kMaxYamlDepth) {
    return Error(node, path, absl::StrCat("nested more than ", kMaxYamlDepth, " deep"));
  }
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) return Error(entry.first, path, "a key must be a plain name");
    const std::string& key = entry.first.Scalar();
    const FieldDescriptor* field = type->FindFieldByName(key);
    if (field == nullptr) return UnknownKey(entry.first, path, key, type);
    const std::string child = Child(path, key);
    if (!seen.insert(key).second) return Error(entry.first, child, "given twice; keep one");
    if (const OneofDescriptor* oneof = field->real_containing_oneof()) {
      const FieldDescriptor* other =
          message->GetReflection()->GetOneofFieldDescriptor(*message, oneof);
      if (other != nullptr && other != field) {
        return Error(
            entry.first, child,
            absl::StrCat("'", other->name(), "' and '", key, "' exclude each other; keep one"));
      }
    }
    absl::Status status = ReadField(entry.second, child, field, message);
    if (!status.ok()) return status;
  }
  --depth_;
  return absl::OkStatus();
}

absl::Status Walker::ReadAbbreviation(const YAML::Node& node, const std::string& path,
                                      Message* message) {
  const Descriptor* type = message->GetDescriptor();
  const std::string& text = node.Scalar();
  if (type->real_oneof_decl_count() == 1) {
    const OneofDescriptor* oneof = type->oneof_decl(0);
    std::vector<std::string> known;
    for (int i = 0; i < oneof->field_count(); ++i) {
      const FieldDescriptor* field = oneof->field(i);
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
      if (field->name() == text) {
        message->GetReflection()->MutableMessage(message, field);
        return absl::OkStatus();
      }
      known.push_back(field->name());
    }
    return Error(node, path,
                 absl::StrCat("'", text, "' is not known", DidYouMean(text, known),
                              "; known: ", absl::StrJoin(known, ", ")));
  }
  const FieldDescriptor* first = type->field_count() > 0 ? type->field(0) : nullptr;
  if (first != nullptr && (first->cpp_type() == FieldDescriptor::CPPTYPE_ENUM ||
                           (first->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
                            first->name() == "file"))) {
    absl::Status status = SetScalar(text, first, message);
    return status.ok() ? status : Error(node, path, status.message());
  }
  return Error(node, path,
               absl::StrCat("'", text, "' where a map of keys is expected; known: ",
                            absl::StrJoin(FieldNames(type), ", ")));
}

absl::Status Walker::ReadField(const YAML::Node& node, const std::string& path,
                               const FieldDescriptor* field, Message* message) {
  if (field->is_map()) {
    if (!node.IsMap()) return Error(node, path, "must be a map of names to values");
    std::set<std::string> seen;
    for (const auto& entry : node) {
      if (entry.first.IsScalar() && !seen.insert(entry.first.Scalar()).second) {
        return Error(entry.first, Child(path, entry.first.Scalar()), "given twice; keep one");
      }
      absl::Status status = ReadMapEntry(entry.first, entry.second, path, field, message);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }
  if (field->is_repeated()) return ReadList(node, path, field, message);
  return ReadValue(node, path, field, message);
}

absl::Status Walker::ReadMapEntry(const YAML::Node& key, const YAML::Node& value,
                                  const std::string& path, const FieldDescriptor* field,
                                  Message* message) {
  if (!key.IsScalar()) return Error(key, path, "a key must be a plain name");
  const FieldDescriptor* key_field = field->message_type()->map_key();
  const FieldDescriptor* value_field = field->message_type()->map_value();
  const Reflection* reflection = message->GetReflection();
  const std::string child = absl::StrCat(path, "[", key.Scalar(), "]");
  Message* entry = reflection->AddMessage(message, field);
  absl::Status status = SetScalar(key.Scalar(), key_field, entry);
  if (!status.ok()) return Error(key, child, status.message());
  return ReadValue(value, child, value_field, entry);
}

absl::Status Walker::ReadList(const YAML::Node& node, const std::string& path,
                              const FieldDescriptor* field, Message* message) {
  if (!node.IsSequence()) {
    return Error(node, path,
                 node.IsScalar()
                     ? absl::StrCat("'", node.Scalar(), "' where a list is expected; write [",
                                    node.Scalar(), "]")
                     : std::string("must be a list"));
  }
  if (++depth_ > kMaxYamlDepth) {
    return Error(node, path, absl::StrCat("nested more than ", kMaxYamlDepth, " deep"));
  }
  int index = 0;
  for (const auto& element : node) {
    absl::Status status = ReadValue(element, absl::StrCat(path, "[", index++, "]"), field, message);
    if (!status.ok()) return status;
  }
  --depth_;
  return absl::OkStatus();
}

absl::Status Walker::ReadValue(const YAML::Node& node, const std::string& path,
                               const FieldDescriptor* field, Message* message) {
  if (++nodes_ > kMaxYamlNodes) {
    return Error(node, path, absl::StrCat("more than ", kMaxYamlNodes, " nodes, aliases unfolded"));
  }
  const Reflection* reflection = message->GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !IsDuration(field)) {
    return ReadMessage(node, path,
                       field->is_repeated() ? reflection->AddMessage(message, field)
                                            : reflection->MutableMessage(message, field));
  }
  if (node.IsScalar()) {
    absl::Status status = SetScalar(node.Scalar(), field, message);
    return status.ok() ? status : Error(node, path, status.message());
  }
  if (field->is_repeated() && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
      !node.IsNull()) {
    YAML::Emitter text;
    text << YAML::Flow << node;
    if (text.size() > kMaxYamlBytes) return Error(node, path, "too long");
    reflection->AddString(message, field, text.c_str());
    return absl::OkStatus();
  }
  return Error(node, path,
               absl::StrCat(node.IsNull()       ? "has no value"
                            : node.IsSequence() ? "is a list"
                                                : "is a map",
                            "; it must be ", LegalValues(field)));
}

// yaml-cpp reports syntax errors (and nesting that is too deep for it) by exceptions.
absl::StatusOr<YAML::Node> LoadYaml(absl::string_view text, absl::string_view file) {
  const std::string place = file.empty() ? "" : absl::StrCat(file, ": ");
  if (text.size() > kMaxYamlBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, text.size(), " bytes; at most ", kMaxYamlBytes, " are legal"));
  }
  try {
    std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.size() > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(place, documents.size(), " documents; one is legal"));
    }
    return documents.empty() ? YAML::Node() : documents[0];
  } catch (const YAML::Exception& error) {
    if (file.empty() || error.mark.is_null()) {
      return absl::InvalidArgumentError(absl::StrCat(place, "not YAML: ", error.msg));
    }
    return absl::InvalidArgumentError(absl::StrCat(
        file, ":", error.mark.line + 1, ":", error.mark.column + 1, ": not YAML: ", error.msg));
  }
}

// "name[3]" -> name, 3; "name" -> name, -1.
bool SplitIndex(absl::string_view segment, std::string* name, int* index) {
  *index = -1;
  const size_t bracket = segment.find('[');
  *name = std::string(segment.substr(0, bracket));
  if (bracket == absl::string_view::npos) return true;
  absl::string_view number = segment.substr(bracket + 1);
  return absl::ConsumeSuffix(&number, "]") && absl::SimpleAtoi(number, index) && *index >= 0;
}

absl::Status SetMapField(const std::string& key, const YAML::Node& value, const std::string& path,
                         const FieldDescriptor* field, Message* message) {
  const Reflection* reflection = message->GetReflection();
  for (int i = reflection->FieldSize(*message, field) - 1; i >= 0; --i) {
    const Message& entry = reflection->GetRepeatedMessage(*message, field, i);
    if (entry.GetReflection()->GetString(entry, field->message_type()->map_key()) != key) continue;
    reflection->SwapElements(message, field, i, reflection->FieldSize(*message, field) - 1);
    reflection->RemoveLast(message, field);
  }
  return Walker("").ReadMapEntry(YAML::Node(key), value, path, field, message);
}

}  // namespace

std::string EnumName(const google::protobuf::EnumValueDescriptor* value) {
  return absl::AsciiStrToLower(value->name());
}

std::vector<std::string> EnumNames(const google::protobuf::EnumDescriptor* type) {
  std::vector<std::string> names;
  for (int i = 0; i < type->value_count(); ++i) {
    if (type->value(i)->number() != 0) names.push_back(EnumName(type->value(i)));
  }
  return names;
}

std::vector<std::string> FieldNames(const Descriptor* type) {
  std::vector<std::string> names;
  for (int i = 0; i < type->field_count(); ++i) names.push_back(type->field(i)->name());
  return names;
}

absl::Status YamlToMessage(absl::string_view text, absl::string_view file, Message* message) {
  absl::StatusOr<YAML::Node> root = LoadYaml(text, file);
  if (!root.ok()) return root.status();
  message->Clear();
  return Walker(file).ReadMessage(*root, "", message);
}

absl::Status SetField(absl::string_view path, absl::string_view yaml, Message* message) {
  absl::StatusOr<YAML::Node> value = LoadYaml(yaml, "");
  if (!value.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", value.status().message()));
  }
  const std::string full(path);
  absl::string_view rest = path;
  std::string parent;
  while (true) {
    const size_t dot = rest.find('.');
    const absl::string_view segment = rest.substr(0, dot);
    const bool last = dot == absl::string_view::npos;
    if (!last) rest.remove_prefix(dot + 1);
    std::string name;
    int index = -1;
    if (!SplitIndex(segment, &name, &index)) {
      return absl::InvalidArgumentError(absl::StrCat(
          full, ": '", segment, "' is not a key, or a key with an index as in key[0]"));
    }
    const Descriptor* type = message->GetDescriptor();
    const FieldDescriptor* field = type->FindFieldByName(name);
    if (field == nullptr) return Walker("").UnknownKey(YAML::Node(), parent, name, type);
    parent = Child(parent, segment);
    const Reflection* reflection = message->GetReflection();
    if (field->is_map() && !last) {
      return SetMapField(std::string(rest), *value, parent, field, message);
    }
    if (index < 0 && last) {
      reflection->ClearField(message, field);
      return Walker("").ReadField(*value, full, field, message);
    }
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || IsDuration(field)) {
      return absl::InvalidArgumentError(
          absl::StrCat(full, ": '", parent, "' has no parts that can be set; set '",
                       parent.substr(0, parent.find_last_of('[')), "' as a whole"));
    }
    if (field->is_repeated()) {
      const int size = reflection->FieldSize(*message, field);
      if (index < 0 || index >= size) {
        return absl::InvalidArgumentError(absl::StrCat(full, ": '", name, "' is a list of ", size,
                                                       "; name one of its elements as in ", name,
                                                       "[0]"));
      }
      message = reflection->MutableRepeatedMessage(message, field, index);
      if (last) {
        message->Clear();
        return Walker("").ReadMessage(*value, full, message);
      }
    } else if (index >= 0) {
      return absl::InvalidArgumentError(absl::StrCat(full, ": '", name, "' is no list"));
    } else {
      message = reflection->MutableMessage(message, field);
    }
  }
}

}  // namespace gradloom
