// The options that `simulate` and `tune` share: whose delays, how many slots, jobs and trials.
#ifndef GRADLOOM_COORDINATOR_CLI_SIMULATED_FLEET_H_
#define GRADLOOM_COORDINATOR_CLI_SIMULATED_FLEET_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/cli/command.h"
#include "coordinator/simulation/arrangement.h"
#include "coordinator/simulation/delay_model.h"

namespace gradloom {

struct SimulatedFleet {
  std::string trace_file;
  std::string delays_text;
  std::optional<double> slope;
  double slope_factor = 1;
  std::vector<std::string> slope_files;
  int slots = 0;  // 0: all of the trace, or 256
  int lanes = 4;
  int64_t jobs = 25;
};

struct LoadedFleet {
  std::optional<Trace> trace;
  double slope = 0;  // of the trace
  std::unique_ptr<DelayModel> delays;
  FleetSize size;
};

void AddFleetOptions(CLI::App* command, SimulatedFleet* fleet);
// Reads the files. Errors name the option or the file.
absl::StatusOr<LoadedFleet> LoadFleet(const SimulatedFleet& fleet);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_SIMULATED_FLEET_H_
