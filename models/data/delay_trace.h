// Recorded delays that a worker replays: a row an invocation, a column a slot, in seconds.
#ifndef GRADLOOM_MODELS_DATA_DELAY_TRACE_H_
#define GRADLOOM_MODELS_DATA_DELAY_TRACE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace gradloom {

// Comma-separated text, perhaps under a heading, '#' before comments; rows of any length, one at
// least. `file` is relative to `base_folder` unless absolute. InvalidArgument begins with `field`
// and names file, line, cell and what is legal.
absl::StatusOr<std::vector<std::vector<double>>> ReadDelayTrace(const std::string& file,
                                                                const std::string& field,
                                                                const std::string& base_folder);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_DELAY_TRACE_H_
