// The defaults that run.proto documents, made explicit; those of workloads, optimisers and data
// sources stand beside them in models/. Internal to run_file.
#ifndef GRADLOOM_COORDINATOR_RUN_FILE_DEFAULTS_H_
#define GRADLOOM_COORDINATOR_RUN_FILE_DEFAULTS_H_

#include "gradloom/v1/run.pb.h"

namespace gradloom {

// What depends on the data or the fleet stays unset: idx.count, libsvm.features, csv.target and
// csv.header, batch_norm.group, training.evaluate_every, scheme.slots, and with them the scheme of
// a run that names none (SettleScheme).
void FillRunDefaults(v1::RunSpec* spec);  // all but workload, optimizer, training, trials
void FillTrainingDefaults(const v1::WorkloadSpec& workload, v1::TrainingSpec* training);

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_RUN_FILE_DEFAULTS_H_
