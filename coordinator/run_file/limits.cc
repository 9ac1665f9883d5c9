#include "coordinator/run_file/limits.h"

#include "absl/strings/str_cat.h"
#include "models/spec/findings.h"

namespace gradloom {

absl::Status CheckLimits(const ResolvedRun& run, const ServerLimits& limits) {
  Findings findings;
  const auto at_most = [&](uint64_t value, uint64_t most, absl::string_view field,
                           absl::string_view flag) {
    findings.Require(value <= most, field, value,
                     absl::StrCat("at most ", most, ", this coordinator's limit (", flag, ")"));
  };
  at_most(run.trials.size(), limits.trials_max, "trials", "--max-trials");
  at_most(run.spec.scheme().slots(), limits.slots_max, "scheme.slots", "--max-slots");
  return findings.status();
}

}  // namespace gradloom
