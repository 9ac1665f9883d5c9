// What trials are called. A name is for people; what a trial's files are called is made from it
// elsewhere, so names need not be fit for files. Internal to run_file.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_TRIAL_NAMES_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_TRIAL_NAMES_H_

#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "models/spec/findings.h"

namespace gradloom {

inline constexpr size_t kMaxTrialNameBytes = 1000;

// Of a sweep's trial: "optimizer.learning_rate=0.1,training.jobs=4" for these paths and values.
// One that would be too long, or is taken, ends in "#" and the trial's number.
std::string SweptName(const std::vector<std::pair<std::string, std::string>>& settings,
                      size_t trial, const std::set<std::string>& taken);

// Names are 1 to kMaxTrialNameBytes long, and unique among `taken`, which gets it.
void ValidateTrialName(absl::string_view name, std::set<std::string>* taken, Findings* findings);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_TRIAL_NAMES_H_
