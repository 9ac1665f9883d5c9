#include "models/spec/kinds.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gradloom {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

const FieldDescriptor* ChosenField(const Message& choice) {
  return choice.GetReflection()->GetOneofFieldDescriptor(choice,
                                                         choice.GetDescriptor()->oneof_decl(0));
}

std::string Alternatives(const Descriptor* choice) {
  std::vector<std::string> names;
  for (int i = 0; i < choice->oneof_decl(0)->field_count(); ++i) {
    names.push_back(choice->oneof_decl(0)->field(i)->name());
  }
  return absl::StrJoin(names, ", ");
}

std::string EnumWord(const EnumDescriptor* type, int number) {
  const auto* value = type->FindValueByNumber(number);
  return value == nullptr ? absl::StrCat(number) : absl::AsciiStrToLower(value->name());
}

std::string EnumWords(const EnumDescriptor* type) {
  std::vector<std::string> words;
  for (int i = 0; i < type->value_count(); ++i) {
    if (type->value(i)->number() == 0) continue;
    words.push_back(absl::AsciiStrToLower(type->value(i)->name()));
  }
  return absl::StrJoin(words, ", ");
}

void FillChosen(std::span<const NumberField> numbers, Message* choice) {
  FillNumbers(numbers, choice->GetReflection()->MutableMessage(choice, ChosenField(*choice)));
}

void CheckChosen(std::span<const NumberField> numbers, const Message& choice,
                 const std::string& field, Findings* findings) {
  const FieldDescriptor* chosen = ChosenField(choice);
  const Message& message = choice.GetReflection()->GetMessage(choice, chosen);
  const std::string path = absl::StrCat(field, ".", chosen->name());
  CheckNumbers(numbers, message, path, findings);
  CheckEnums(message, path, findings);
}

void CheckEnums(const Message& message, const std::string& path, Findings* findings) {
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_ENUM || field->is_repeated()) continue;
    const int number = message.GetReflection()->GetEnumValue(message, field);
    findings->Require(field->enum_type()->FindValueByNumber(number) != nullptr,
                      absl::StrCat(path, ".", field->name()), number,
                      absl::StrCat("one of: ", EnumWords(field->enum_type())));
  }
}

}  // namespace gradloom
