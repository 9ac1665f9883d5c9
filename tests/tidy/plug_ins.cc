#include "tests/tidy/plug_ins.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace gradloom {
namespace {

bool IsWordCharacter(char c) { return absl::ascii_isalnum(c) || c == '_'; }

bool Names(absl::string_view line, absl::string_view token) {
  for (size_t at = line.find(token); at != absl::string_view::npos; at = line.find(token, at + 1)) {
    const size_t end = at + token.size();
    const bool goes_on_before =
        at > 0 && IsWordCharacter(token.front()) && IsWordCharacter(line[at - 1]);
    const bool goes_on_after =
        end < line.size() && IsWordCharacter(token.back()) && IsWordCharacter(line[end]);
    if (!goes_on_before && !goes_on_after) return true;
  }
  return false;
}

// The first of the tokens that the line names, or null.
const std::string* Named(absl::string_view line, const std::vector<std::string>& tokens) {
  const auto named = std::find_if(tokens.begin(), tokens.end(),
                                  [&](const std::string& token) { return Names(line, token); });
  return named == tokens.end() ? nullptr : &*named;
}

bool Owns(const PlugIn& plug_in, absl::string_view path) {
  return std::any_of(plug_in.own.begin(), plug_in.own.end(),
                     [&](const std::string& own) { return absl::StartsWith(path, own); });
}

}  // namespace

std::vector<std::string> UsualTokens(const std::string& name) {
  std::string pascal;
  for (absl::string_view word : absl::StrSplit(name, '_')) {
    pascal += absl::ascii_toupper(word[0]);
    pascal += std::string(word.substr(1));
  }
  return {name, pascal, "k" + pascal};
}

Findings StrangersNaming(const Tree& tree, const PlugIn& plug_in) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if (!IsCpp(path) || absl::StartsWith(path, "tests/") || Owns(plug_in, path)) continue;
    // Most files need no closer look.
    if (std::none_of(lines.begin(), lines.end(), [&](const std::string& line) {
          return Named(line, plug_in.tokens) != nullptr;
        })) {
      continue;
    }
    const std::vector<std::string> code = CodeAndLiterals(lines);
    for (size_t i = 0; i < code.size(); ++i) {
      const std::string* token = Named(code[i], plug_in.tokens);
      if (token != nullptr) findings.push_back(absl::StrCat(path, ":", i + 1, ": names ", *token));
    }
  }
  return findings;
}

}  // namespace gradloom
