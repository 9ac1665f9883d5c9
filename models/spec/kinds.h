// Plug-ins as entries of tables. A kind is what a oneof of run.proto chooses ("workload: {mlp:
// ...}") or a value of an enum; its entry, which stands beside its code, knows all that can be said
// of its spec: what it is called (in run.proto), its defaults, what is legal. Whoever fills in,
// checks or makes asks the table, and no other place tells kinds apart. Tables are explicit lists:
// what registers itself is silently dropped from a static library.
#ifndef GRADLOOM_MODELS_SPEC_KINDS_H_
#define GRADLOOM_MODELS_SPEC_KINDS_H_

#include <span>
#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "models/spec/findings.h"
#include "models/spec/numbers.h"

namespace gradloom {

// What a kind's entry says of its spec. Choice is the message that has the oneof (v1::LayerSpec).
template <typename Choice>
struct KindSpec {
  int kind;                                   // number of the oneof's field: v1::LayerSpec::kConv
  std::span<const NumberField> numbers = {};  // of the kind's own message
  // Defaults beyond those of the numbers, which are set before.
  void (*fill)(Choice*) = nullptr;
  // What is legal beyond the ranges of the numbers and the values of enums, which are checked
  // before. `field` is the path of the kind's own message.
  void (*check)(const Choice&, const std::string& field, Findings*) = nullptr;
};

// The one alternative that is set; null if none is. A choice's oneof is its message's first.
const google::protobuf::FieldDescriptor* ChosenField(const google::protobuf::Message& choice);
// "idx, cifar10": the alternatives of a message's oneof.
std::string Alternatives(const google::protobuf::Descriptor* choice);
// "relu, tanh": an enum's values as users write them, without the unspecified one.
std::string EnumWords(const google::protobuf::EnumDescriptor* type);
std::string EnumWord(const google::protobuf::EnumDescriptor* type, int number);

// The entry of what `choice` has chosen; null if it has chosen nothing that the table knows.
template <typename Kind, typename Choice>
const Kind* FindKind(std::span<const Kind* const> table, const Choice& choice) {
  const google::protobuf::FieldDescriptor* chosen = ChosenField(choice);
  for (const Kind* kind : table) {
    if (chosen != nullptr && kind->spec.kind == chosen->number()) return kind;
  }
  return nullptr;
}

void FillChosen(std::span<const NumberField> numbers, google::protobuf::Message* choice);
void CheckChosen(std::span<const NumberField> numbers, const google::protobuf::Message& choice,
                 const std::string& field, Findings* findings);
// Reports enum fields of `message` whose value run.proto does not know.
void CheckEnums(const google::protobuf::Message& message, const std::string& path,
                Findings* findings);

// Fills in the defaults of what `choice` has chosen, if anything.
template <typename Kind, typename Choice>
void FillKind(std::span<const Kind* const> table, Choice* choice) {
  const Kind* kind = FindKind(table, *choice);
  if (kind == nullptr) return;
  FillChosen(kind->spec.numbers, choice);
  if (kind->spec.fill != nullptr) kind->spec.fill(choice);
}

// Reports what is wrong with a choice that has its defaults; `field` is its path.
template <typename Kind, typename Choice>
void CheckKind(std::span<const Kind* const> table, const Choice& choice, const std::string& field,
               Findings* findings) {
  const Kind* kind = FindKind(table, choice);
  if (kind == nullptr) {
    findings->Add(field, "is missing; it must be one of: " + Alternatives(Choice::descriptor()));
    return;
  }
  CheckChosen(kind->spec.numbers, choice, field, findings);
  if (kind->spec.check != nullptr) {
    kind->spec.check(choice, field + "." + ChosenField(choice)->name(), findings);
  }
}

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_SPEC_KINDS_H_
