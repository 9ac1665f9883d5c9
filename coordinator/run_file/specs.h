// A run's scheme and closing rule as coding's own specs.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_SPECS_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_SPECS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "coding/closing_rule.h"
#include "coding/scheme.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

// `slots`: of the fleet, used when the run names none.
SchemeSpec ToSchemeSpec(const v1::SchemeSpec& scheme, int slots);
// The scheme itself. InvalidArgument names the key ("scheme.gc: ..."), its value and what is legal;
// also for a scheme of more parts than an order-free sum can add, as the order of arrival could
// show in the last bits then.
absl::StatusOr<std::unique_ptr<Scheme>> MakeRunScheme(const v1::SchemeSpec& scheme, int slots);
ClosingRuleSpec ToClosingRuleSpec(const v1::ClosingSpec& closing);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_SPECS_H_
