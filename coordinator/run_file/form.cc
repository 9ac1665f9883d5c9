#include "coordinator/run_file/form.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/run_file/utf8.h"
#include "coordinator/run_file/yaml_scalar.h"
#include "google/protobuf/duration.pb.h"

namespace gradloom {
namespace {

using google::protobuf::Duration;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool IsOneLine(absl::string_view text) {
  while (!text.empty()) {
    const Utf8Character next = FirstCharacter(text);
    if (!next.legal || !(IsPrintable(next.code) || next.code == '\t')) return false;
    text.remove_prefix(next.bytes);
  }
  return true;
}

class Checker {
 public:
  explicit Checker(Findings* findings) : findings_(findings) {}

  void CheckMessage(const Message& message, const std::string& path) {
    const Reflection* reflection = message.GetReflection();
    if (!reflection->GetUnknownFields(message).empty()) {
      findings_->Add(path.empty() ? "run" : path,
                     absl::StrCat("has a field of number ",
                                  reflection->GetUnknownFields(message).field(0).number(),
                                  ", which this version does not know"));
    }
    std::vector<const FieldDescriptor*> fields;
    reflection->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      CheckField(message, field,
                 path.empty() ? field->name() : absl::StrCat(path, ".", field->name()));
    }
  }

 private:
  void CheckField(const Message& message, const FieldDescriptor* field, const std::string& path) {
    if (!field->is_repeated()) return CheckValue(message, field, -1, path);
    const int size = message.GetReflection()->FieldSize(message, field);
    findings_->Require(size <= kMaxListed, path, absl::StrCat("a list of ", size),
                       absl::StrCat("one of at most ", kMaxListed));
    for (int i = 0; i < std::min(size, kMaxListed); ++i) {
      CheckValue(message, field, i, absl::StrCat(path, "[", i, "]"));
    }
  }

  // index < 0: a singular field.
  void CheckValue(const Message& message, const FieldDescriptor* field, int index,
                  const std::string& path) {
    const Reflection* reflection = message.GetReflection();
#define GRADLOOM_GET(Method)                           \
  (index < 0 ? reflection->Get##Method(message, field) \
             : reflection->GetRepeated##Method(message, field, index))
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_FLOAT:
        return CheckNumber(GRADLOOM_GET(Float), path);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return CheckNumber(GRADLOOM_GET(Double), path);
      case FieldDescriptor::CPPTYPE_UINT32:
        return CheckWhole(GRADLOOM_GET(UInt32), std::numeric_limits<int32_t>::max(), path);
      case FieldDescriptor::CPPTYPE_UINT64:
        if (field->name() == "seed") return;
        return CheckWhole(GRADLOOM_GET(UInt64), kMaxWhole, path);
      case FieldDescriptor::CPPTYPE_ENUM: {
        const int number = GRADLOOM_GET(EnumValue);
        findings_->Require(field->enum_type()->FindValueByNumber(number) != nullptr, path, number,
                           LegalValues(field));
        return;
      }
      case FieldDescriptor::CPPTYPE_STRING:
        return CheckText(GRADLOOM_GET(String), path);
      case FieldDescriptor::CPPTYPE_MESSAGE: {
        const Message& value = GRADLOOM_GET(Message);
        return IsDuration(field) ? CheckDuration(value, field, path) : CheckMessage(value, path);
      }
      case FieldDescriptor::CPPTYPE_BOOL:
      case FieldDescriptor::CPPTYPE_INT32:  // none so far
      case FieldDescriptor::CPPTYPE_INT64:
        return;
    }
#undef GRADLOOM_GET
  }

  void CheckNumber(double value, const std::string& path) {
    findings_->Require(std::isfinite(value), path, value, "a finite number");
  }

  void CheckWhole(uint64_t value, uint64_t most, const std::string& path) {
    findings_->Require(value <= most, path, value, absl::StrCat("a whole number from 0 to ", most));
  }

  void CheckText(const std::string& text, const std::string& path) {
    findings_->Require(text.size() <= kMaxTextBytes, path, InQuotes(text),
                       absl::StrCat("text of at most ", kMaxTextBytes, " bytes"));
    findings_->Require(IsOneLine(text), path, InQuotes(text), "UTF-8 without control characters");
  }

  void CheckDuration(const Message& message, const FieldDescriptor* field,
                     const std::string& path) {
    const auto& value = static_cast<const Duration&>(message);
    const bool legal = value.nanos() >= 0 && value.nanos() < 1'000'000'000 &&
                       ReadDuration(value) >= absl::ZeroDuration() &&
                       ReadDuration(value) <= kLongestDuration;
    findings_->Require(legal, path, absl::StrCat(value.seconds(), " s and ", value.nanos(), " ns"),
                       LegalValues(field));
  }

  Findings* findings_;
};

}  // namespace

void CheckForm(const Message& message, Findings* findings) {
  Checker(findings).CheckMessage(message, "");
}

}  // namespace gradloom
