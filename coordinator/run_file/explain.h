// The reference of a run file's keys, made from run.proto itself: names and types by reflection,
// descriptions from the comments, which the build embeds.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_EXPLAIN_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_EXPLAIN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gradloom {

// All keys below `path` ("optimizer", "workload.mlp"; "" for everything) in the form of a run file:
// descriptions as comments, legal values as <...>. InvalidArgument: an unknown key, with the known
// ones.
absl::StatusOr<std::string> Explain(absl::string_view path);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_EXPLAIN_H_
