// What of a run can be judged without its data. Internal to run_file.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_VALIDATE_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_VALIDATE_H_

#include "gradloom/v1/run.pb.h"
#include "models/spec/findings.h"

namespace gradloom {

// `spec` has its defaults and its trials, and its form is right (form.h).
void ValidateRun(const v1::RunSpec& spec, Findings* findings);
// Fields are reported as "workload...." and so on.
void ValidateTrial(const v1::TrialSpec& trial, Findings* findings);
void ValidateStartFrom(const v1::StartFrom& start, Findings* findings);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_VALIDATE_H_
