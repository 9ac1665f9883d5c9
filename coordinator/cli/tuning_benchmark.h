// gradloom tune --table: every recorded fleet, scheme and slope beside `scheme: auto`, as Markdown.
#ifndef GRADLOOM_COORDINATOR_CLI_TUNING_BENCHMARK_H_
#define GRADLOOM_COORDINATOR_CLI_TUNING_BENCHMARK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/cli/simulated_fleet.h"
#include "coordinator/tuning/choice_search.h"

namespace gradloom {

// Prints a line per trace and slope factor as it is found. Of `fleet` the trials, the jobs, the
// slots, the slope (otherwise fitted to each family) and the trace's load count.
absl::Status PrintTuningBenchmark(const std::vector<std::string>& files,
                                  const SimulatedFleet& fleet, const SearchOptions& search);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_TUNING_BENCHMARK_H_
