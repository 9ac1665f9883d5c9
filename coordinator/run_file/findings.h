// What is wrong with a run, collected, so that a user sees all of it at once.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_FINDINGS_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_FINDINGS_H_

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
    if (!ok) Add(field, absl::StrCat(value, " is not legal; it must be ", legal));
  }
  void RequireText(const std::string& value, absl::string_view field, absl::string_view what);
  size_t count() const { return findings_.size(); }
  // InvalidArgument with up to ten of them, one a line.
  absl::Status status() const;

 private:
  std::string prefix_;
  std::vector<std::string> findings_;
};

// Text from outside as messages quote it: in quotes, without control characters, not too long.
std::string InQuotes(absl::string_view text);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_FINDINGS_H_
