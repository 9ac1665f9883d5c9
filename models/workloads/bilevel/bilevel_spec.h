// workload.bilevel: its defaults, and what is legal of it without data.
#ifndef GRADLOOM_MODELS_WORKLOADS_BILEVEL_BILEVEL_SPEC_H_
#define GRADLOOM_MODELS_WORKLOADS_BILEVEL_BILEVEL_SPEC_H_

#include <string>

#include "absl/status/status.h"
#include "gradloom/v1/run.pb.h"
#include "models/spec/findings.h"

namespace gradloom {

// Sets every field with a default that is not set; where a problem's sizes are missing, what
// depends on them stays open.
void FillBilevelDefaults(v1::Bilevel* spec);
// `spec` has its defaults. Fields are reported below `field`.
void CheckBilevelSpec(const v1::Bilevel& spec, const std::string& field, Findings* findings);

// Rows that version 1's Hessians have at most: they travel, and are factored in every step.
inline constexpr int64_t kMaxHessianRows = 200;
absl::Status CheckHessianRows(const v1::Bilevel& spec, int64_t rows, const std::string& field);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_BILEVEL_BILEVEL_SPEC_H_
