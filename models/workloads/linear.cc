// Linear, logistic and softmax regression: one dense layer that starts at zero.
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/layers/layers.h"
#include "models/workloads/network_workload.h"
#include "models/workloads/workload_kind.h"

namespace gradloom {
namespace {

constexpr int64_t kSubBatch = 256;

template <typename Model>
void FillIntercept(Model* model) {
  if (!model->has_intercept()) model->set_intercept(true);
}

MadeWorkload MakeLinear(const DatasetInfo& data, int64_t units, bool intercept, LossKind loss) {
  const Shape input{data.features, 1, 1};
  Network network(input);
  network.Add(MakeDense(input, units, 0, intercept), "linear");
  return std::make_unique<NetworkWorkload>(std::move(network), loss, kSubBatch, true, data);
}

MadeWorkload MakeLinearRegression(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                                  const std::string& /*field*/) {
  return MakeLinear(data, 1, spec.linear_regression().intercept(), LossKind::kSquared);
}

MadeWorkload MakeLogisticRegression(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                                    const std::string& field) {
  if (data.classes != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " needs data of two classes; the data has ", data.classes, " classes"));
  }
  return MakeLinear(data, 1, spec.logistic_regression().intercept(), LossKind::kLogistic);
}

MadeWorkload MakeSoftmaxRegression(const v1::WorkloadSpec& /*spec*/, const DatasetInfo& data,
                                   const std::string& /*field*/) {
  return MakeLinear(data, data.classes, true, LossKind::kSoftmax);
}

}  // namespace

extern const WorkloadKind kLinearRegressionWorkload = {
    .spec = {.kind = v1::WorkloadSpec::kLinearRegression,
             .fill =
                 [](v1::WorkloadSpec* spec) { FillIntercept(spec->mutable_linear_regression()); }},
    .takes = TakesTargets::kAsNumbers,
    .one_lane = true,
    .make = MakeLinearRegression,
};
extern const WorkloadKind kLogisticRegressionWorkload = {
    .spec = {.kind = v1::WorkloadSpec::kLogisticRegression,
             .fill =
                 [](v1::WorkloadSpec* spec) {
                   FillIntercept(spec->mutable_logistic_regression());
                 }},
    .takes = TakesTargets::kAsClasses,
    .one_lane = true,
    .make = MakeLogisticRegression,
};
extern const WorkloadKind kSoftmaxRegressionWorkload = {
    .spec = {.kind = v1::WorkloadSpec::kSoftmaxRegression},
    .takes = TakesTargets::kAsClasses,
    .one_lane = true,
    .make = MakeSoftmaxRegression,
};

}  // namespace gradloom
