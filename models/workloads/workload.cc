#include "models/workloads/workload.h"

#include "absl/strings/str_join.h"
#include "models/workloads/builders.h"

namespace gradloom {
namespace {

struct Entry {
  v1::WorkloadSpec::KindCase kind;
  const char* name;
  MadeWorkload (*make)(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                       const std::string& field);
};

// Every workload.
constexpr Entry kWorkloads[] = {
    {v1::WorkloadSpec::kLinearRegression, "linear_regression", &MakeLinearRegression},
    {v1::WorkloadSpec::kLogisticRegression, "logistic_regression", &MakeLogisticRegression},
    {v1::WorkloadSpec::kSoftmaxRegression, "softmax_regression", &MakeSoftmaxRegression},
    {v1::WorkloadSpec::kMlp, "mlp", &MakeMlp},
    {v1::WorkloadSpec::kCnn, "cnn", &MakeCnn},
    {v1::WorkloadSpec::kForwardGnn, "forward_gnn", &MakeForwardGnn},
    {v1::WorkloadSpec::kBilevel, "bilevel", &MakeBilevel},
    {v1::WorkloadSpec::kForwardForward, "forward_forward", &MakeForwardForward},
    {v1::WorkloadSpec::kNoprop, "noprop", &MakeNoProp},
};

}  // namespace

absl::Status CheckSparseFeatures(const DatasetInfo& data, const std::string& field) {
  if (!data.sparse || data.features <= kMaxSparseFeatures) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      field, " takes sparse data of at most ", kMaxSparseFeatures, " features; the data has ",
      data.features, " (linear, logistic and softmax regression take any number)"));
}

absl::Status CheckHasClasses(const DatasetInfo& data, const std::string& field) {
  if (data.classes >= 2) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " needs data of at least two classes; the data has ",
                   data.classes == 0 ? "real targets" : "one class"));
}

absl::StatusOr<ActivationKind> ActivationOf(v1::Activation activation, const std::string& field) {
  switch (activation) {
    case v1::ACTIVATION_UNSPECIFIED:
    case v1::RELU:
      return ActivationKind::kRelu;
    case v1::TANH:
      return ActivationKind::kTanh;
    case v1::GELU:
      return ActivationKind::kGelu;
    case v1::SIGMOID:
      return ActivationKind::kSigmoid;
    case v1::IDENTITY:
      return ActivationKind::kIdentity;
    default:
      return Illegal(field, static_cast<int>(activation), "RELU, TANH, GELU, SIGMOID, IDENTITY");
  }
}

absl::StatusOr<std::unique_ptr<Workload>> MakeWorkload(const v1::WorkloadSpec& spec,
                                                       const DatasetInfo& data) {
  if (data.features < 1) return Illegal("data: features", data.features, "1 and more");
  for (const Entry& entry : kWorkloads) {
    if (entry.kind == spec.kind_case()) {
      return entry.make(spec, data, absl::StrCat("workload.", entry.name));
    }
  }
  const auto name = [](std::string* out, const Entry& entry) { out->append(entry.name); };
  return absl::InvalidArgumentError(absl::StrCat("workload: no known kind is given; known: ",
                                                 absl::StrJoin(kWorkloads, ", ", name)));
}

}  // namespace gradloom
