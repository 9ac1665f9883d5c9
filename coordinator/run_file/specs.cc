#include "coordinator/run_file/specs.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/internal/raw_logging.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "coding/reproducible_sum.h"
#include "coordinator/run_file/yaml_to_proto.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace gradloom {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Null where none is set.
const FieldDescriptor* SchemeField(const v1::SchemeSpec& scheme) {
  return scheme.GetReflection()->GetOneofFieldDescriptor(
      scheme, v1::SchemeSpec::descriptor()->oneof_decl(0));
}

const FieldDescriptor* FieldOf(const Message& message, absl::string_view name) {
  return message.GetDescriptor()->FindFieldByName(std::string(name));
}

const EnumValueDescriptor* EnumValueNamed(const EnumDescriptor* type, absl::string_view name) {
  for (int i = 0; i < type->value_count(); ++i) {
    if (EnumName(type->value(i)) == name) return type->value(i);
  }
  ABSL_RAW_LOG(FATAL, "run.proto has no %s of this name", type->name().c_str());
  return nullptr;
}

// Of a value that the form of a run has been checked for.
absl::string_view TableName(const Parameter& parameter, const EnumValueDescriptor* value) {
  const std::vector<absl::string_view> names = parameter.names();
  const auto found = std::find(names.begin(), names.end(), EnumName(value));
  ABSL_RAW_CHECK(found != names.end(), "run.proto knows a name that the table does not");
  return *found;
}

bool IsSet(const Message& message, const FieldDescriptor* field) {
  if (field->has_presence()) return message.GetReflection()->HasField(message, field);
  return field->cpp_type() != FieldDescriptor::CPPTYPE_ENUM ||
         message.GetReflection()->GetEnumValue(message, field) != 0;
}

void Write(const FieldDescriptor* field, const Value& value, Message* message) {
  const Reflection* reflection = message->GetReflection();
  if (const auto* word = std::get_if<absl::string_view>(&value)) {
    reflection->SetEnum(message, field, EnumValueNamed(field->enum_type(), *word));
  } else if (const auto* seed = std::get_if<uint64_t>(&value)) {
    reflection->SetUInt64(message, field, *seed);
  } else if (const auto* number = std::get_if<double>(&value)) {
    reflection->SetDouble(message, field, *number);
  } else {
    reflection->SetUInt32(message, field, static_cast<uint32_t>(std::get<int>(value)));
  }
}

void Read(const Message& message, Settings* settings) {
  for (const Parameter& parameter : settings->parameters()) {
    const std::optional<Value> given = GivenValue(message, parameter);
    if (given.has_value()) settings->Set(parameter.name, *given);
  }
}

// The key that stands below `scheme`.
std::string SchemeKey(const v1::SchemeSpec& scheme) {
  const FieldDescriptor* field = SchemeField(scheme);
  return field == nullptr ? "slots" : field->name();
}

absl::Status CheckParts(const Scheme& scheme, int slots) {
  const auto parts = static_cast<int64_t>(scheme.parts().size());
  if (!scheme.unit_weights() || parts <= ReproducibleSum::kMaxAddends) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      scheme.description(), " over ", slots, " slots has ", parts, " parts; legal are at most ",
      ReproducibleSum::kMaxAddends, ": take fewer slots or a smaller w"));
}

}  // namespace

std::optional<Value> GivenValue(const Message& message, const Parameter& parameter) {
  const FieldDescriptor* field = FieldOf(message, parameter.name);
  if (field == nullptr || !IsSet(message, field)) return std::nullopt;
  const Reflection* reflection = message.GetReflection();
  if (std::holds_alternative<absl::string_view>(parameter.otherwise)) {
    return TableName(parameter, reflection->GetEnum(message, field));
  }
  if (std::holds_alternative<uint64_t>(parameter.otherwise)) {
    return reflection->GetUInt64(message, field);
  }
  if (std::holds_alternative<double>(parameter.otherwise)) {
    return reflection->GetDouble(message, field);
  }
  return static_cast<int>(reflection->GetUInt32(message, field));
}

const SchemeKind* SchemeKindOf(const v1::SchemeSpec& scheme) {
  const FieldDescriptor* field = SchemeField(scheme);
  return field == nullptr ? nullptr : FindScheme(field->name());
}

const Message& ParametersOf(const v1::SchemeSpec& scheme) {
  return scheme.GetReflection()->GetMessage(scheme, SchemeField(scheme));
}

Message* MutableParametersOf(v1::SchemeSpec* scheme) {
  return scheme->GetReflection()->MutableMessage(scheme, SchemeField(*scheme));
}

void FillParameters(std::span<const Parameter> parameters, Message* message) {
  for (const Parameter& parameter : parameters) {
    const FieldDescriptor* field = FieldOf(*message, parameter.name);
    if (field == nullptr || IsSet(*message, field)) continue;
    if (IsLegal(parameter, parameter.otherwise)) Write(field, parameter.otherwise, message);
  }
}

SchemeSpec ToSchemeSpec(const v1::SchemeSpec& scheme, int slots) {
  const SchemeKind* kind = SchemeKindOf(scheme);
  SchemeSpec spec = kind == nullptr ? SchemeSpec() : SchemeSpec(*kind);
  spec.slots = scheme.has_slots() ? static_cast<int>(scheme.slots()) : slots;
  if (kind != nullptr) Read(ParametersOf(scheme), &spec.settings);
  return spec;
}

void SetScheme(const SchemeSpec& spec, v1::SchemeSpec* scheme) {
  Message* message =
      scheme->GetReflection()->MutableMessage(scheme, FieldOf(*scheme, spec.kind->name));
  for (const auto& [name, value] : spec.settings.Shown()) {
    Write(FieldOf(*message, name), value, message);
  }
}

absl::StatusOr<std::unique_ptr<Scheme>> MakeRunScheme(const v1::SchemeSpec& scheme, int slots) {
  const SchemeSpec spec = ToSchemeSpec(scheme, slots);
  absl::StatusOr<std::unique_ptr<Scheme>> made = MakeScheme(spec);
  const absl::Status status = made.ok() ? CheckParts(**made, slots) : made.status();
  if (status.ok()) return made;
  // The key names the scheme already.
  absl::string_view message = status.message();
  absl::ConsumePrefix(&message, absl::StrCat(spec.kind->name, ": "));
  return absl::InvalidArgumentError(absl::StrCat("scheme.", SchemeKey(scheme), ": ", message));
}

ClosingRuleSpec ToClosingRuleSpec(const v1::ClosingSpec& closing) {
  ClosingRuleSpec spec;
  if (closing.rule() != v1::ClosingSpec::RULE_UNSPECIFIED) {
    const EnumValueDescriptor* rule =
        v1::ClosingSpec::Rule_descriptor()->FindValueByNumber(closing.rule());
    const ClosingKind* kind = rule == nullptr ? nullptr : FindClosing(EnumName(rule));
    ABSL_RAW_CHECK(kind != nullptr, "run.proto knows a rule that the table does not");
    spec = ClosingRuleSpec(*kind);
  }
  Read(closing, &spec.settings);
  return spec;
}

void SetRule(const ClosingKind& kind, v1::ClosingSpec* closing) {
  const EnumValueDescriptor* rule = EnumValueNamed(v1::ClosingSpec::Rule_descriptor(), kind.name);
  closing->set_rule(static_cast<v1::ClosingSpec::Rule>(rule->number()));
}

}  // namespace gradloom
