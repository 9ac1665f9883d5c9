#include "coordinator/run_file/trial_names.h"

#include "absl/strings/str_cat.h"
#include "coordinator/run_file/utf8.h"

namespace gradloom {
namespace {

// A value as YAML text, without what only takes space or cannot be shown.
void AppendReadable(absl::string_view text, std::string* out) {
  while (!text.empty()) {
    const Utf8Character next = FirstCharacter(text);
    if (next.legal && IsPrintable(next.code) && next.code != ' ' && next.code != '"') {
      absl::StrAppend(out, text.substr(0, next.bytes));
    }
    text.remove_prefix(next.bytes);
  }
}

// The longest start of at most `bytes` bytes that ends between two characters.
absl::string_view Start(absl::string_view text, size_t bytes) {
  size_t end = 0;
  while (end < text.size()) {
    const size_t next = end + FirstCharacter(text.substr(end)).bytes;
    if (next > bytes) break;
    end = next;
  }
  return text.substr(0, end);
}

}  // namespace

std::string SweptName(const std::vector<std::pair<std::string, std::string>>& settings,
                      size_t trial, const std::set<std::string>& taken) {
  std::string name;
  for (const auto& [path, value] : settings) {
    absl::StrAppend(&name, name.empty() ? "" : ",", path, "=");
    AppendReadable(value, &name);
  }
  if (name.size() <= kMaxTrialNameBytes && !taken.contains(name)) return name;
  const std::string number = absl::StrCat("#", trial);
  return absl::StrCat(Start(name, kMaxTrialNameBytes - number.size()), number);
}

void ValidateTrialName(absl::string_view name, std::set<std::string>* taken, Findings* findings) {
  findings->Require(!name.empty() && name.size() <= kMaxTrialNameBytes, "name", InQuotes(name),
                    absl::StrCat("1 to ", kMaxTrialNameBytes, " bytes"));
  if (!taken->insert(std::string(name)).second) {
    findings->Add("name", absl::StrCat(InQuotes(name), " is taken; names must be unique"));
  }
}

}  // namespace gradloom
