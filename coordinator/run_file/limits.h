// What a coordinator allows any run, whoever submits it: the operator's limits, over the run's own.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_LIMITS_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_LIMITS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "coordinator/run_file/run_file.h"

namespace gradloom {

// Flags of gradloom-coordinator beside them.
struct ServerLimits {
  // Of a trial, whatever limits.max_parameters says.
  uint64_t parameters_max = uint64_t{1} << 31;  // --max-parameters
  uint64_t trials_max = kMaxTrials;             // --max-trials
  uint64_t slots_max = 16'384;                  // --max-slots; no code has more
  // Bytes that a run's state (parameters, what their optimisers keep, a sum a lane) and its test
  // data may take. What takes more is refused before any of it is taken. 0: any number.
  uint64_t memory_max = 0;  // --max-memory
};

// What can be judged of them before the data are opened. InvalidArgument names the run's field, its
// value, and the limit with its flag.
absl::Status CheckLimits(const ResolvedRun& run, const ServerLimits& limits);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_LIMITS_H_
