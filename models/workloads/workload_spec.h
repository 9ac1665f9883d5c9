// What can be said of a workload's spec without its data: defaults, and what is legal. Each kind's
// part stands beside the kind (workload_kind.h).
#ifndef GRADLOOM_MODELS_WORKLOADS_WORKLOAD_SPEC_H_
#define GRADLOOM_MODELS_WORKLOADS_WORKLOAD_SPEC_H_

#include <cstdint>

#include "gradloom/v1/run.pb.h"
#include "models/spec/findings.h"

namespace gradloom {

void FillWorkload(v1::WorkloadSpec* spec);
// Reports what is wrong with a spec that has its defaults, as "workload.mlp.hidden[1]: ...".
void CheckWorkload(const v1::WorkloadSpec& spec, Findings* findings);

// training.batch_size where nobody says it.
uint64_t DefaultBatchSize(const v1::WorkloadSpec& spec);
// Whether a trial of it is one lane, whatever its settings and its data.
bool HasOneLane(const v1::WorkloadSpec& spec);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_WORKLOAD_SPEC_H_
