// "Did you mean": the candidate closest to a misspelt name.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_SUGGEST_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_SUGGEST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace gradloom {

// Letters to insert, delete, replace or swap with their neighbour to get from a to b.
int EditDistance(absl::string_view a, absl::string_view b);

// " (did you mean 'x'?)" for the closest candidate, or "" when none is close. Case is ignored.
std::string DidYouMean(absl::string_view name, const std::vector<std::string>& candidates);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_SUGGEST_H_
