#include "models/workloads/learner.h"

namespace gradloom {

absl::StatusOr<std::optional<int64_t>> Learner::ApplyMissing(int /*lane*/, int64_t /*job*/) {
  return absl::UnimplementedError("this workload can do without no job");
}

absl::Status Learner::ApplyLate(int /*lane*/, int64_t /*job*/, const DecodedSum& /*sum*/) {
  return absl::UnimplementedError("this workload has no use for a late job");
}

Learner::Evaluator Learner::EvaluatorOf(int64_t view) const {
  return [this, view](const Examples* test) { return Evaluate(view, test); };
}

}  // namespace gradloom
