// What is wrong with a spec, collected, so that a user sees all of it at once. Every message names
// its field as the user wrote it, the value and what is legal:
//   workload.mlp.hidden[1]: 0 is not legal; it must be from 1 to 16777216
#ifndef GRADLOOM_MODELS_SPEC_FINDINGS_H_
#define GRADLOOM_MODELS_SPEC_FINDINGS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace gradloom {

class Findings {
 public:
  // `path` prefixes every field reported after it.
  void SetPrefix(std::string prefix) { prefix_ = std::move(prefix); }
  void Add(absl::string_view field, absl::string_view what);
  // An error whose message names its field itself.
  void Add(const absl::Status& status);
  // field = value is wrong; `legal` completes "must be ...".
  template <typename Value>
  void Require(bool ok, absl::string_view field, const Value& value, absl::string_view legal) {
    if (!ok) Add(field, NotLegal(absl::StrCat(value), legal));
  }
  void RequireText(const std::string& value, absl::string_view field, absl::string_view what);
  size_t count() const { return findings_.size(); }
  // InvalidArgument with up to ten of them, one a line.
  absl::Status status() const;

  static std::string NotLegal(absl::string_view value, absl::string_view legal);

 private:
  std::string prefix_;
  std::vector<std::string> findings_;
};

// A single finding, in the same words.
template <typename Value>
absl::Status Illegal(absl::string_view field, const Value& value, absl::string_view legal) {
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", Findings::NotLegal(absl::StrCat(value), legal)));
}

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_SPEC_FINDINGS_H_
