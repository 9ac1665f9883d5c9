// The table's entries: each checks its part of the spec and makes the workload. `field` is the
// spec's path ("workload.mlp"); errors name it. `data` is what the workload takes it for: it has
// classes, two at least, or none when the targets are numbers.
#ifndef GRADLOOM_MODELS_WORKLOADS_BUILDERS_H_
#define GRADLOOM_MODELS_WORKLOADS_BUILDERS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gradloom/v1/run.pb.h"
#include "models/kernels/kernels.h"
#include "models/workloads/workload.h"

namespace gradloom {

using MadeWorkload = absl::StatusOr<std::unique_ptr<Workload>>;

MadeWorkload MakeLinearRegression(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                                  const std::string& field);
MadeWorkload MakeLogisticRegression(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                                    const std::string& field);
MadeWorkload MakeSoftmaxRegression(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                                   const std::string& field);
MadeWorkload MakeMlp(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                     const std::string& field);
MadeWorkload MakeCnn(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                     const std::string& field);
MadeWorkload MakeForwardGnn(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                            const std::string& field);
MadeWorkload MakeBilevel(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                         const std::string& field);
MadeWorkload MakeForwardForward(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                                const std::string& field);
MadeWorkload MakeNoProp(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                        const std::string& field);

// "field = value: legal are ..."
template <typename Value>
absl::Status Illegal(const std::string& field, const Value& value, absl::string_view legal) {
  return absl::InvalidArgumentError(absl::StrCat(field, " = ", value, ": legal are ", legal));
}

// Widest layer that is accepted: products of two stay far below 2^63.
inline constexpr int64_t kMaxUnits = int64_t{1} << 24;

// Sparse examples are written out for a network; beyond this a sub-batch would not fit well.
inline constexpr int64_t kMaxSparseFeatures = int64_t{1} << 20;
// InvalidArgument when sparse data has more features.
absl::Status CheckSparseFeatures(const DatasetInfo& data, const std::string& field);
// InvalidArgument unless the targets can stand for classes, of the test set as well, and there are
// two or more.
absl::Status CheckHasClasses(const DatasetInfo& data, const std::string& field);

// UNSPECIFIED is RELU.
absl::StatusOr<ActivationKind> ActivationOf(v1::Activation activation, const std::string& field);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_BUILDERS_H_
