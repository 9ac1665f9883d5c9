// What a user sees of a run, as text. Pure: status in, lines out.
#ifndef GRADLOOM_COORDINATOR_CLI_PROGRESS_H_
#define GRADLOOM_COORDINATOR_CLI_PROGRESS_H_

#include <string>
#include <vector>

#include "gradloom/v1/training.pb.h"

namespace gradloom {

// One bar a trial and a last line for the run, each at most `width` columns; with more trials than
// `height` allows, the unfinished ones come first and the rest is counted.
std::vector<std::string> RenderProgress(const v1::RunStatus& status, int width, int height);
// The same in one line without a bar, for logs.
std::string RenderProgressLine(const v1::RunStatus& status);
// After the end: per trial loss, accuracy, jobs and the parameters' SHA-256; what was tolerated and
// what it would have cost without a code. Ends with a newline.
std::string RenderSummary(const v1::RunStatus& status);
// A table of runs, one a line, with a heading.
std::string RenderRuns(const std::vector<v1::RunStatus>& runs);

bool IsEnded(v1::RunState state);
// "running", "succeeded", ...
std::string StateName(v1::RunState state);
// "7.3 s", "2 min 05 s", "3 h 12 min"
std::string RenderSeconds(double seconds);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_CLI_PROGRESS_H_
