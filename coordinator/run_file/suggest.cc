#include "coordinator/run_file/suggest.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace gradloom {

int EditDistance(absl::string_view a, absl::string_view b) {
  // Optimal string alignment; three rows suffice.
  std::vector<int> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string DidYouMean(absl::string_view name, const std::vector<std::string>& candidates) {
  // Names longer than any of ours are no misspellings of them.
  if (name.empty() || name.size() > 100) return "";
  const std::string lower = absl::AsciiStrToLower(name);
  const std::string* best = nullptr;
  int best_distance = std::max<int>(2, static_cast<int>(name.size()) / 3) + 1;
  for (const std::string& candidate : candidates) {
    int distance = EditDistance(lower, candidate);
    // An abbreviation ("glyph", "rate") is close, too.
    const bool abbreviation = lower.size() >= 3 && absl::StrContains(candidate, lower);
    if (abbreviation) distance = std::min(distance, 2);
    if (distance < best_distance) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best == nullptr ? "" : absl::StrCat(" (did you mean '", *best, "'?)");
}

}  // namespace gradloom
