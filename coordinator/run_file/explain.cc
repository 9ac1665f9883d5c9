#include "coordinator/run_file/explain.h"

#include <set>
#include <vector>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "coordinator/run_file/suggest.h"
#include "coordinator/run_file/yaml_to_proto.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "models/spec/kinds.h"

namespace gradloom {

// Generated: run.proto and what it imports as a serialised FileDescriptorSet with comments.
extern const unsigned char kRunProtoDescriptors[];
extern const size_t kRunProtoDescriptorsSize;

namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;

// Descriptors that know their comments, unlike the ones compiled into the messages.
const DescriptorPool& Pool() {
  static const DescriptorPool* pool = [] {
    google::protobuf::FileDescriptorSet files;
    ABSL_RAW_CHECK(
        files.ParseFromArray(kRunProtoDescriptors, static_cast<int>(kRunProtoDescriptorsSize)),
        "embedded descriptors");
    auto* built = new DescriptorPool;
    for (const auto& file : files.file()) {
      ABSL_RAW_CHECK(built->BuildFile(file) != nullptr, "embedded descriptors");
    }
    return built;
  }();
  return *pool;
}

template <typename Described>
void AppendComments(const Described* described, const std::string& indent, std::string* out) {
  google::protobuf::SourceLocation location;
  if (!described->GetSourceLocation(&location)) return;
  for (const std::string& comment : {location.leading_comments, location.trailing_comments}) {
    if (comment.empty()) continue;
    for (const auto line : absl::StrSplit(absl::StripSuffix(comment, "\n"), '\n')) {
      absl::StrAppend(out, indent, "#", line, "\n");
    }
  }
}

bool IsDurationType(const FieldDescriptor* field) {
  return field->type() == FieldDescriptor::TYPE_MESSAGE &&
         field->message_type()->full_name() == "google.protobuf.Duration";
}

std::string TypeName(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrJoin(EnumNames(field->enum_type()), " | ");
    case FieldDescriptor::CPPTYPE_STRING:
      return "text";
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "number";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return "duration: 500ms, 2s, 1m30s or seconds";
    default:
      return "whole number";
  }
}

class Printer {
 public:
  std::string Take() { return std::move(out_); }

  void Message(const Descriptor* type, const std::string& indent) {
    AppendComments(type, indent, &out_);
    const bool choice = type->real_oneof_decl_count() == 1;
    if (choice) absl::StrAppend(&out_, indent, "# One of: ", Alternatives(type), "\n");
    for (int i = 0; i < type->field_count(); ++i) Field(type->field(i), indent);
  }

  void Field(const FieldDescriptor* field, const std::string& indent) {
    AppendComments(field, indent, &out_);
    absl::StrAppend(&out_, indent, field->name(), ":");
    const bool nested = field->type() == FieldDescriptor::TYPE_MESSAGE && !IsDurationType(field);
    if (field->is_map()) {
      absl::StrAppend(&out_, " {<path>: [<value>, ...]}\n");
    } else if (!nested) {
      const std::string type = absl::StrCat("<", TypeName(field), ">");
      absl::StrAppend(&out_, " ", field->is_repeated() ? absl::StrCat("[", type, ", ...]") : type,
                      "\n");
    } else if (!seen_.insert(field->message_type()).second) {
      absl::StrAppend(&out_, field->is_repeated() ? " [...]" : "", "  # as above\n");
    } else if (field->message_type()->field_count() == 0) {
      absl::StrAppend(&out_, " {}\n");
      AppendComments(field->message_type(), indent + "  ", &out_);
    } else {
      absl::StrAppend(&out_, field->is_repeated() ? "  # a list of:\n" : "\n");
      Message(field->message_type(), indent + "  ");
    }
  }

 private:
  std::set<const Descriptor*> seen_;  // printed once
  std::string out_;
};

}  // namespace

absl::StatusOr<std::string> Explain(absl::string_view path) {
  const Descriptor* type = Pool().FindMessageTypeByName("gradloom.v1.RunSpec");
  if (type == nullptr) return absl::InternalError("the embedded run.proto has no RunSpec");
  Printer printer;
  if (path.empty()) {
    printer.Message(type, "");
    return printer.Take();
  }
  const FieldDescriptor* field = nullptr;
  for (const std::string& segment : std::vector<std::string>(absl::StrSplit(path, '.'))) {
    if (type == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": '", field->name(), "' is ", TypeName(field), " and has no keys"));
    }
    field = type->FindFieldByName(segment);
    if (field == nullptr) {
      const std::vector<std::string> known = FieldNames(type);
      return absl::InvalidArgumentError(absl::StrCat(path, ": unknown key '", segment, "'",
                                                     DidYouMean(segment, known),
                                                     "; known: ", absl::StrJoin(known, ", ")));
    }
    const bool nested = field->type() == FieldDescriptor::TYPE_MESSAGE && !IsDurationType(field) &&
                        !field->is_map();
    type = nested ? field->message_type() : nullptr;
  }
  if (field != nullptr) printer.Field(field, "");
  return printer.Take();
}

}  // namespace gradloom
