// The options that `simulate` and `tune` share: whose delays, how many slots, and which jobs -
// those of a run file, or of so many trials.
#ifndef GRADLOOM_COORDINATOR_CLI_SIMULATED_FLEET_H_
#define GRADLOOM_COORDINATOR_CLI_SIMULATED_FLEET_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/simulated_run.h"
#include "coordinator/planning/arrangement.h"
#include "coordinator/simulation/delay_model.h"

namespace gradloom {

struct SimulatedFleet {
  std::string trace_file;
  std::string delays_text;
  std::optional<double> slope;
  double reply_seconds = 0;
  std::optional<double> trace_load;  // instead of the one in the file's name
  double slope_factor = 1;
  std::vector<std::string> slope_files;
  std::string run_file;
  std::vector<std::string> set;  // overrides of the run file
  int slots = 0;                 // 0: the run file's, else all of the trace, or 256
  int trials = 4;
  std::optional<int64_t> jobs;  // [25, or all of the run file]
};

struct LoadedFleet {
  // Its entries as recorded, but for the load's share at another slope (--slope-factor).
  std::optional<Trace> trace;
  double slope = 0;
  std::unique_ptr<DelayModel> delays;
  FleetSize size;
  std::optional<SimulatedRun> run;
};

void AddFleetOptions(CLI::App* command, SimulatedFleet* fleet);
// Reads the files. Errors name the option or the file.
absl::StatusOr<LoadedFleet> LoadFleet(const SimulatedFleet& fleet);
// The lanes that the options ask for, over so many slots.
absl::StatusOr<FleetSize> SizeOf(const SimulatedFleet& fleet,
                                 const std::optional<SimulatedRun>& run, int slots);

absl::StatusOr<std::string> ReadText(const std::string& file);
// The load that the file's name states, such as -l0_250-, or 0.
absl::StatusOr<Trace> ReadTrace(const std::string& file);
// Least squares over the recordings; of their medians where a few very slow invocations would turn
// the line downwards, which is said on stderr. InvalidArgument when that does not help.
absl::StatusOr<double> FittedSlope(const std::vector<Trace>& recordings);
// What the trace would be, had a unit of load cost `factor` times as much: delays at other loads
// follow with slope x factor.
Trace WithSlopeFactor(Trace trace, double slope, double factor);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_SIMULATED_FLEET_H_
