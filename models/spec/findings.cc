#include "models/spec/findings.h"

#include <algorithm>

#include "absl/strings/str_join.h"

namespace gradloom {

void Findings::Add(absl::string_view field, absl::string_view what) {
  findings_.push_back(absl::StrCat(prefix_, field, ": ", what));
}

void Findings::Add(const absl::Status& status) {
  findings_.push_back(absl::StrCat(prefix_, std::string(status.message())));
}

void Findings::RequireText(const std::string& value, absl::string_view field,
                           absl::string_view what) {
  if (value.empty()) Add(field, absl::StrCat("is missing; it must name ", what));
}

std::string Findings::NotLegal(absl::string_view value, absl::string_view legal) {
  return absl::StrCat(value, " is not legal; it must be ", legal);
}

absl::Status Findings::status() const {
  if (findings_.empty()) return absl::OkStatus();
  constexpr size_t kShown = 10;
  std::string message = absl::StrJoin(findings_.begin(),
                                      findings_.begin() + std::min(findings_.size(), kShown), "\n");
  if (findings_.size() > kShown) {
    absl::StrAppend(&message, "\nand ", findings_.size() - kShown, " more");
  }
  return absl::InvalidArgumentError(message);
}

}  // namespace gradloom
