// The bilevel problems of run.proto. Specs have their defaults and
// are legal (bilevel_spec.h).
#ifndef GRADLOOM_MODELS_WORKLOADS_BILEVEL_PROBLEMS_H_
#define GRADLOOM_MODELS_WORKLOADS_BILEVEL_PROBLEMS_H_

#include <memory>

#include "gradloom/v1/run.pb.h"
#include "models/workloads/bilevel/problem.h"

namespace gradloom {

std::unique_ptr<BilevelProblem> MakeHospitals(const v1::Hospitals& spec, int64_t features);
std::unique_ptr<BilevelProblem> MakePersonalHeads(const v1::PersonalHeads& spec, int64_t features);
std::unique_ptr<BilevelProblem> MakeSampleWeights(const v1::SampleWeights& spec, int64_t features);
std::unique_ptr<BilevelProblem> MakeQuadraticBlocks(const v1::QuadraticBlocks& spec);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_BILEVEL_PROBLEMS_H_
