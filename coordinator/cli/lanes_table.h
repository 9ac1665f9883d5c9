// gradloom tune --lanes-table: what lanes inside models buy on a fleet, as Markdown.
#ifndef GRADLOOM_COORDINATOR_CLI_LANES_TABLE_H_
#define GRADLOOM_COORDINATOR_CLI_LANES_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/cli/simulated_fleet.h"
#include "coordinator/tuning/choice_search.h"

namespace gradloom {

// Prints two lines a run file, without and with lanes inside its models: every scheme's best
// parameters, closing rule and arrangement, searched over `search`'s horizon and then played to the
// end; the best of what computes a step's jobs of all lanes as if they were one (a gang); and
// `scheme: auto` that knows nothing at first, with every switch, named by the choice that most jobs
// went under.
absl::Status PrintLanesTable(const std::vector<std::string>& run_files, SimulatedFleet fleet,
                             const SearchOptions& search);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_LANES_TABLE_H_
