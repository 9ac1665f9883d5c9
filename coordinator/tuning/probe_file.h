// Observed invocations as text: what every run leaves behind (output/invocations.csv), for
// `gradloom tune --probe` and `scheme.auto.probe`. A heading and a line each:
// slot,load,seconds,at_least, and, from runs,
// compute_seconds,further_replies,further_load,further_seconds; see InvocationObserved. at_least is
// 1 for an invocation that was cut after so long. Pure.
#ifndef GRADLOOM_COORDINATOR_TUNING_PROBE_FILE_H_
#define GRADLOOM_COORDINATOR_TUNING_PROBE_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/tuning/fleet_recorder.h"

namespace gradloom {

// InvalidArgument names line and value. Limits: slots below 10,000, 10^7 lines.
absl::StatusOr<std::vector<InvocationObserved>> ParseProbe(absl::string_view name,
                                                           absl::string_view text);
std::string ProbeText(const std::vector<InvocationObserved>& observed);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_TUNING_PROBE_FILE_H_
