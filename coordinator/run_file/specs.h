// A run's scheme and closing rule as coding's own specs. Messages and fields are found by the names
// of coding's tables, so that nothing here knows any of them.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_SPECS_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_SPECS_H_

#include <memory>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "coding/closing_kind.h"
#include "coding/parameters.h"
#include "coding/scheme_kind.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

// Null where the run names none of the table's: none at all, or that it is chosen while it runs.
const SchemeKind* SchemeKindOf(const v1::SchemeSpec& scheme);
// `slots`: of the fleet, used when the run names none. Uncoded where there is no kind.
SchemeSpec ToSchemeSpec(const v1::SchemeSpec& scheme, int slots);
// The other way round, slots left alone.
void SetScheme(const SchemeSpec& spec, v1::SchemeSpec* scheme);
// The scheme itself. InvalidArgument names the key ("scheme.gc: ..."), its value and what is legal;
// also for a scheme of more parts than an order-free sum can add, as the order of arrival could
// show in the last bits then.
absl::StatusOr<std::unique_ptr<Scheme>> MakeRunScheme(const v1::SchemeSpec& scheme, int slots);

ClosingRuleSpec ToClosingRuleSpec(const v1::ClosingSpec& closing);
void SetRule(const ClosingKind& kind, v1::ClosingSpec* closing);

// The parameter's value in a message that has a field of its name. None when there is no such
// field, or when it is not set.
std::optional<Value> GivenValue(const google::protobuf::Message& message,
                                const Parameter& parameter);
// The message below the kind's name; of a scheme that has a kind.
const google::protobuf::Message& ParametersOf(const v1::SchemeSpec& scheme);
google::protobuf::Message* MutableParametersOf(v1::SchemeSpec* scheme);
// Gives a value to each field of a parameter's name that has none, unless it stands for what is not
// known yet.
void FillParameters(std::span<const Parameter> parameters, google::protobuf::Message* message);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_SPECS_H_
