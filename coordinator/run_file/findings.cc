#include "coordinator/run_file/findings.h"

#include <algorithm>

#include "absl/strings/escaping.h"
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

std::string InQuotes(absl::string_view text) {
  constexpr size_t kShownBytes = 80;
  const bool whole = text.size() <= kShownBytes;
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(text.substr(0, kShownBytes)),
                      whole ? "'" : absl::StrCat("...' (", text.size(), " bytes)"));
}

}  // namespace gradloom
