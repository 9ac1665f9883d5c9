#include "models/workloads/workload.h"

#include "absl/strings/str_join.h"
#include "models/workloads/builders.h"

namespace gradloom {
namespace {

// What a workload takes the data's targets for. The data cannot tell: whole numbers may be either.
enum class Takes {
  kNumbers,
  kClasses,
  kEither,     // as spec.targets says, or by the look of them
  kAsTheyAre,  // it looks at the data itself, or has its own
};

struct Entry {
  v1::WorkloadSpec::KindCase kind;
  const char* name;
  Takes takes;
  MadeWorkload (*make)(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                       const std::string& field);
};

// Every workload.
constexpr Entry kWorkloads[] = {
    {v1::WorkloadSpec::kLinearRegression, "linear_regression", Takes::kNumbers,
     &MakeLinearRegression},
    {v1::WorkloadSpec::kLogisticRegression, "logistic_regression", Takes::kClasses,
     &MakeLogisticRegression},
    {v1::WorkloadSpec::kSoftmaxRegression, "softmax_regression", Takes::kClasses,
     &MakeSoftmaxRegression},
    {v1::WorkloadSpec::kMlp, "mlp", Takes::kEither, &MakeMlp},
    {v1::WorkloadSpec::kCnn, "cnn", Takes::kEither, &MakeCnn},
    {v1::WorkloadSpec::kForwardGnn, "forward_gnn", Takes::kAsTheyAre, &MakeForwardGnn},
    {v1::WorkloadSpec::kBilevel, "bilevel", Takes::kAsTheyAre, &MakeBilevel},
    {v1::WorkloadSpec::kForwardForward, "forward_forward", Takes::kClasses, &MakeForwardForward},
    {v1::WorkloadSpec::kNoprop, "noprop", Takes::kClasses, &MakeNoProp},
};

const char* NameOf(v1::Targets targets) { return targets == v1::NUMBERS ? "numbers" : "classes"; }

// The data as the entry's workload takes it: with classes, or without.
absl::StatusOr<DatasetInfo> AsTaken(const Entry& entry, v1::Targets asked, const DatasetInfo& data,
                                    const std::string& field) {
  v1::Targets takes = asked;
  switch (entry.takes) {
    case Takes::kAsTheyAre:
      if (asked == v1::TARGETS_UNSPECIFIED) return data;
      return Illegal("workload.targets", NameOf(asked),
                     absl::StrCat("none: ", entry.name, " leaves no choice"));
    case Takes::kEither:
      if (asked == v1::TARGETS_UNSPECIFIED) {
        takes = data.classes > 0 && !data.rather_numbers ? v1::CLASSES : v1::NUMBERS;
      }
      break;
    case Takes::kNumbers:
    case Takes::kClasses:
      takes = entry.takes == Takes::kNumbers ? v1::NUMBERS : v1::CLASSES;
      if (asked == v1::TARGETS_UNSPECIFIED || asked == takes) break;
      return Illegal("workload.targets", NameOf(asked),
                     absl::StrCat(NameOf(takes), ": ", entry.name, " leaves no choice"));
  }
  DatasetInfo taken = data;
  if (takes == v1::NUMBERS) {
    taken.classes = 0;
    taken.class_labels.clear();
    return taken;
  }
  absl::Status has_classes = CheckHasClasses(data, field);
  if (!has_classes.ok() && entry.takes == Takes::kEither && asked == v1::TARGETS_UNSPECIFIED) {
    return absl::InvalidArgumentError(
        absl::StrCat(has_classes.message(), "; for a regression say workload.targets: numbers"));
  }
  if (!has_classes.ok()) return has_classes;
  return taken;
}

}  // namespace

absl::Status CheckSparseFeatures(const DatasetInfo& data, const std::string& field) {
  if (!data.sparse || data.features <= kMaxSparseFeatures) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      field, " takes sparse data of at most ", kMaxSparseFeatures, " features; the data has ",
      data.features, " (linear, logistic and softmax regression take any number)"));
}

absl::Status CheckHasClasses(const DatasetInfo& data, const std::string& field) {
  const std::string needs = absl::StrCat(field, " needs data of at least two classes; ");
  if (!data.no_classes.empty()) return absl::InvalidArgumentError(needs + data.no_classes);
  if (data.classes >= 2) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(needs, "the data has ", data.classes == 0 ? "real targets" : "one class"));
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
    if (entry.kind != spec.kind_case()) continue;
    const std::string field = absl::StrCat("workload.", entry.name);
    if (!v1::Targets_IsValid(spec.targets())) {
      return Illegal("workload.targets", static_cast<int>(spec.targets()), "classes, numbers");
    }
    const absl::StatusOr<DatasetInfo> taken = AsTaken(entry, spec.targets(), data, field);
    if (!taken.ok()) return taken.status();
    return entry.make(spec, *taken, field);
  }
  const auto name = [](std::string* out, const Entry& entry) { out->append(entry.name); };
  return absl::InvalidArgumentError(absl::StrCat("workload: no known kind is given; known: ",
                                                 absl::StrJoin(kWorkloads, ", ", name)));
}

}  // namespace gradloom
