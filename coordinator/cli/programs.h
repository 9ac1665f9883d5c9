// Where the programs are that `gradloom run` starts, and what they last said.
#ifndef GRADLOOM_COORDINATOR_CLI_PROGRAMS_H_
#define GRADLOOM_COORDINATOR_CLI_PROGRAMS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace gradloom {

// Looks into the folder GRADLOOM_BIN, the folder of this executable, its neighbours of a build tree
// and an installation (../coordinator, ../worker, ../bin), then PATH. NotFound lists them.
absl::StatusOr<std::string> FindProgram(const std::string& name);
// The same in given folders, for tests.
absl::StatusOr<std::string> FindProgramIn(const std::string& name,
                                          const std::vector<std::string>& folders);

// The last `lines` lines of a log file, each indented; "" when there is none.
std::string LogTail(const std::string& file, int lines);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_PROGRAMS_H_
