// Linear, logistic and softmax regression: one dense layer that starts at zero.
#include <utility>

#include "models/layers/layers.h"
#include "models/workloads/builders.h"
#include "models/workloads/network_workload.h"

namespace gradloom {
namespace {

constexpr int64_t kSubBatch = 256;

MadeWorkload MakeLinear(const DatasetInfo& data, int64_t units, bool intercept, LossKind loss) {
  const Shape input{data.features, 1, 1};
  Network network(input);
  network.Add(MakeDense(input, units, 0, intercept), "linear");
  return std::make_unique<NetworkWorkload>(std::move(network), loss, kSubBatch, true, data);
}

}  // namespace

MadeWorkload MakeLinearRegression(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                                  const std::string& /*field*/) {
  const v1::LinearRegression& model = spec.linear_regression();
  const bool intercept = !model.has_intercept() || model.intercept();
  return MakeLinear(data, 1, intercept, LossKind::kSquared);
}

MadeWorkload MakeLogisticRegression(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                                    const std::string& field) {
  if (data.classes != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " needs data of two classes; the data has ", data.classes, " classes"));
  }
  const v1::LogisticRegression& model = spec.logistic_regression();
  const bool intercept = !model.has_intercept() || model.intercept();
  return MakeLinear(data, 1, intercept, LossKind::kLogistic);
}

MadeWorkload MakeSoftmaxRegression(const v1::WorkloadSpec& /*spec*/, const DatasetInfo& data,
                                   const std::string& /*field*/) {
  return MakeLinear(data, data.classes, true, LossKind::kSoftmax);
}

}  // namespace gradloom
