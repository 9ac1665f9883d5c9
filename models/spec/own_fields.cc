#include "models/spec/own_fields.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/text_format.h"

namespace gradloom {
namespace {

using google::protobuf::FieldDescriptor;

bool Has(std::span<const NumberField> numbers, const std::string& name) {
  return std::any_of(numbers.begin(), numbers.end(),
                     [&](const NumberField& number) { return number.name == name; });
}

}  // namespace

void CheckUnused(const std::vector<OwnFields>& table, int kind,
                 const google::protobuf::EnumDescriptor* kinds, std::span<const char* const> shared,
                 const google::protobuf::Message& message, const std::string& path,
                 Findings* findings) {
  std::vector<std::string> used(shared.begin(), shared.end());
  for (const OwnFields& own : table) {
    if (own.kind != kind) continue;
    for (const NumberField& number : own.numbers) used.emplace_back(number.name);
  }
  std::vector<const FieldDescriptor*> given;
  message.GetReflection()->ListFields(message, &given);
  for (const FieldDescriptor* field : given) {
    if (field->name() == "kind" || std::count(used.begin(), used.end(), field->name()) > 0) {
      continue;
    }
    std::vector<std::string> users;
    for (const OwnFields& own : table) {
      if (Has(own.numbers, field->name())) users.push_back(EnumWord(kinds, own.kind));
    }
    std::string value;
    google::protobuf::TextFormat::PrintFieldValueToString(message, field, -1, &value);
    const std::string name = EnumWord(kinds, kind);
    findings->Add(
        absl::StrCat(path, ".", field->name()),
        absl::StrCat(value, " is given, but ", name, " does not use it, only ",
                     absl::StrJoin(users, ", "), "; ", name, " uses: ", absl::StrJoin(used, ", ")));
  }
}

}  // namespace gradloom
