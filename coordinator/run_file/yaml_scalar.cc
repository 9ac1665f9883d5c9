#include "coordinator/run_file/yaml_scalar.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/run_file/suggest.h"
#include "coordinator/run_file/yaml_to_proto.h"
#include "google/protobuf/duration.pb.h"

namespace gradloom {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

absl::Status NotLegal(const std::string& text, const FieldDescriptor* field) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is not legal; it must be ", LegalValues(field)));
}

template <typename Number>
bool ParseWhole(const std::string& text, Number* value) {
  return absl::SimpleAtoi(text, value);
}

absl::Status SetEnum(const std::string& text, const FieldDescriptor* field, Message* message) {
  const EnumDescriptor* type = field->enum_type();
  for (int i = 0; i < type->value_count(); ++i) {
    const auto* value = type->value(i);
    if (value->number() == 0 || EnumName(value) != text) continue;
    const Reflection* reflection = message->GetReflection();
    if (field->is_repeated()) {
      reflection->AddEnum(message, field, value);
    } else {
      reflection->SetEnum(message, field, value);
    }
    return absl::OkStatus();
  }
  const std::vector<std::string> known = EnumNames(type);
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not known",
                                                 DidYouMean(text, known),
                                                 "; known: ", absl::StrJoin(known, ", ")));
}

}  // namespace

bool IsDuration(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field->message_type() == google::protobuf::Duration::descriptor();
}

absl::Duration ReadDuration(const Message& duration) {
  const auto& value = static_cast<const google::protobuf::Duration&>(duration);
  return absl::Seconds(value.seconds()) + absl::Nanoseconds(value.nanos());
}

void WriteDuration(absl::Duration value, Message* duration) {
  auto* out = static_cast<google::protobuf::Duration*>(duration);
  absl::Duration rest;
  out->set_seconds(absl::IDivDuration(value, absl::Seconds(1), &rest));
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

std::string LegalValues(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
      return "a whole number";
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat("a whole number from 0 to ", std::numeric_limits<uint32_t>::max());
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat("a whole number from 0 to ", std::numeric_limits<uint64_t>::max());
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "a finite number";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat("one of: ", absl::StrJoin(EnumNames(field->enum_type()), ", "));
    case FieldDescriptor::CPPTYPE_STRING:
      return "text";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (IsDuration(field)) {
        return "a duration such as 500ms, 2s, 1m30s or a number of seconds, at most a year";
      }
      return absl::StrCat(
          "a map of keys (known: ", absl::StrJoin(FieldNames(field->message_type()), ", "), ")");
  }
  return "something else";
}

absl::StatusOr<absl::Duration> ParseDurationText(const std::string& text) {
  absl::Duration value;
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds) && std::isfinite(seconds)) {
    value = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &value)) {
    return absl::InvalidArgumentError("not a duration");
  }
  if (value < absl::ZeroDuration() || value > kLongestDuration) {
    return absl::InvalidArgumentError("out of range");
  }
  return value;
}

absl::Status SetScalar(const std::string& text, const FieldDescriptor* field, Message* message) {
  const Reflection* reflection = message->GetReflection();
  const bool add = field->is_repeated();
  switch (field->cpp_type()) {
#define GRADLOOM_SET(CppType, Method, parsed)             \
  {                                                       \
    CppType value{};                                      \
    if (!(parsed)) return NotLegal(text, field);          \
    add ? reflection->Add##Method(message, field, value)  \
        : reflection->Set##Method(message, field, value); \
    return absl::OkStatus();                              \
  }
    case FieldDescriptor::CPPTYPE_BOOL:
      GRADLOOM_SET(bool, Bool, (value = text == "true") || text == "false")
    case FieldDescriptor::CPPTYPE_INT32:
      GRADLOOM_SET(int32_t, Int32, ParseWhole(text, &value))
    case FieldDescriptor::CPPTYPE_INT64:
      GRADLOOM_SET(int64_t, Int64, ParseWhole(text, &value))
    case FieldDescriptor::CPPTYPE_UINT32:
      GRADLOOM_SET(uint32_t, UInt32, ParseWhole(text, &value))
    case FieldDescriptor::CPPTYPE_UINT64:
      GRADLOOM_SET(uint64_t, UInt64, ParseWhole(text, &value))
    case FieldDescriptor::CPPTYPE_FLOAT:
      GRADLOOM_SET(float, Float, absl::SimpleAtof(text, &value) && std::isfinite(value))
    case FieldDescriptor::CPPTYPE_DOUBLE:
      GRADLOOM_SET(double, Double, absl::SimpleAtod(text, &value) && std::isfinite(value))
    case FieldDescriptor::CPPTYPE_STRING:
      GRADLOOM_SET(std::string, String, (value = text, true))
#undef GRADLOOM_SET
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(text, field, message);
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      if (!IsDuration(field)) return NotLegal(text, field);
      absl::StatusOr<absl::Duration> value = ParseDurationText(text);
      if (!value.ok()) return NotLegal(text, field);
      WriteDuration(*value, add ? reflection->AddMessage(message, field)
                                : reflection->MutableMessage(message, field));
      return absl::OkStatus();
    }
  }
  return NotLegal(text, field);
}

}  // namespace gradloom
