// What is filled into a run's scheme and closing rule, and what is wrong with them, as coding's
// tables say; and what only a run file knows: a scheme that is chosen while the run goes on.
// Internal to run_file.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_SCHEME_RULES_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_SCHEME_RULES_H_

#include "gradloom/v1/run.pb.h"
#include "models/spec/findings.h"

namespace gradloom {

void FillScheme(v1::SchemeSpec* scheme);
void FillClosing(v1::ClosingSpec* closing);

// `lanes`: of the run, 0 when that is not known before its data.
void ValidateScheme(const v1::SchemeSpec& scheme, int lanes, Findings* findings);
void ValidateClosing(const v1::ClosingSpec& closing, Findings* findings);
// Replies of 16 bits need a scheme that adds them as they are.
void ValidateReplies(const v1::SchemeSpec& scheme, v1::NumberFormat replies, Findings* findings);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_SCHEME_RULES_H_
