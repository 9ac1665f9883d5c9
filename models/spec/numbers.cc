#include "models/spec/numbers.h"

#include <cmath>
#include <cstdint>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"

namespace gradloom {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

const FieldDescriptor* FieldOf(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  ABSL_RAW_CHECK(field != nullptr, name);
  return field;
}

// A limit: whole ones with all their digits.
std::string LimitText(double limit) {
  if (std::trunc(limit) == limit && std::abs(limit) < 0x1p53) {
    return absl::StrCat(static_cast<int64_t>(limit));
  }
  return absl::StrCat(limit);
}

struct Number {
  double value;
  std::string text;  // with all its digits
};

// index < 0: a singular field.
Number Get(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection* reflection = message.GetReflection();
  const auto number = [](auto value) {
    return Number{static_cast<double>(value), absl::StrCat(value)};
  };
#define GRADLOOM_GET(Method)                                 \
  number(index < 0 ? reflection->Get##Method(message, field) \
                   : reflection->GetRepeated##Method(message, field, index))
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return GRADLOOM_GET(UInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return GRADLOOM_GET(UInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return GRADLOOM_GET(Double);
    default:
      ABSL_RAW_LOG(FATAL, "%s is no number", field->name().c_str());
      return {};
  }
#undef GRADLOOM_GET
}

void Set(const FieldDescriptor* field, double value, Message* message) {
  const Reflection* reflection = message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection->SetUInt32(message, field, static_cast<uint32_t>(value));
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->SetUInt64(message, field, static_cast<uint64_t>(value));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->SetDouble(message, field, value);
    default:
      ABSL_RAW_LOG(FATAL, "%s is no number", field->name().c_str());
  }
}

}  // namespace

bool Range::Contains(double value) const {
  return std::isfinite(value) && (above ? value > low : value >= low) &&
         (below ? value < high : value <= high);
}

std::string Range::Text() const {
  const std::string least = LimitText(low), most = LimitText(high);
  if (std::isinf(low)) return std::isinf(high) ? "a finite number" : absl::StrCat("at most ", most);
  if (std::isinf(high)) return above ? absl::StrCat("more than ", least) : least + " or more";
  if (!above && !below) return absl::StrCat("from ", least, " to ", most);
  return absl::StrCat(above ? absl::StrCat("more than ", least) : least + " or more", " and ",
                      below ? "less than " : "at most ", most);
}

void FillNumbers(std::span<const NumberField> fields, Message* message) {
  for (const NumberField& number : fields) {
    const FieldDescriptor* field = FieldOf(*message, number.name);
    if (!number.fallback.has_value()) continue;
    ABSL_RAW_CHECK(field->has_presence(), "only what can be left out has a default");
    if (message->GetReflection()->HasField(*message, field)) continue;
    Set(field, *number.fallback, message);
  }
}

void CheckNumbers(std::span<const NumberField> fields, const Message& message,
                  const std::string& path, Findings* findings) {
  const auto check = [&](const NumberField& number, const Number& is, const std::string& name) {
    findings->Require(number.legal.Contains(is.value), name, is.text, number.legal.Text());
  };
  for (const NumberField& number : fields) {
    const FieldDescriptor* field = FieldOf(message, number.name);
    const std::string name = absl::StrCat(path, ".", number.name);
    const Reflection* reflection = message.GetReflection();
    if (field->is_repeated()) {
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        check(number, Get(message, field, i), absl::StrCat(name, "[", i, "]"));
      }
    } else if (!field->has_presence() || reflection->HasField(message, field)) {
      check(number, Get(message, field, -1), name);
    } else if (number.required) {
      findings->Add(name, absl::StrCat("is missing; it must be ", number.legal.Text()));
    }
  }
}

}  // namespace gradloom
