// Kinds that are values of an enum and share a message, of which each uses fields of its own. A
// field that the kind does not use would silently do nothing, so giving it is an error.
#ifndef GRADLOOM_MODELS_SPEC_OWN_FIELDS_H_
#define GRADLOOM_MODELS_SPEC_OWN_FIELDS_H_

#include <span>
#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "models/spec/findings.h"
#include "models/spec/kinds.h"
#include "models/spec/numbers.h"

namespace gradloom {

struct OwnFields {
  int kind;
  std::span<const NumberField> numbers;
};
// `shared`: the names of the fields that every kind has.
void CheckUnused(const std::vector<OwnFields>& table, int kind,
                 const google::protobuf::EnumDescriptor* kinds, std::span<const char* const> shared,
                 const google::protobuf::Message& message, const std::string& path,
                 Findings* findings);

// The same for a table of entries with a `kind` and `numbers`, and a message of theirs.
template <typename Kind, typename Message>
void CheckUnused(std::span<const Kind* const> table, std::span<const char* const> shared,
                 const Message& message, const std::string& path, Findings* findings) {
  std::vector<OwnFields> own;
  for (const Kind* kind : table) own.push_back({kind->kind, kind->numbers});
  CheckUnused(own, message.kind(), Message::Kind_descriptor(), shared, message, path, findings);
}

template <typename Kind>
const Kind* FindKindOf(std::span<const Kind* const> table, int number) {
  for (const Kind* kind : table) {
    if (kind->kind == number) return kind;
  }
  return nullptr;
}

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_SPEC_OWN_FIELDS_H_
