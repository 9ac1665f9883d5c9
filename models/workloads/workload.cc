#include "models/workloads/workload.h"

#include "absl/strings/str_cat.h"
#include "models/workloads/workload_kind.h"
#include "models/workloads/workload_spec.h"

namespace gradloom {

// Each is defined beside what makes it.
extern const WorkloadKind kLinearRegressionWorkload, kLogisticRegressionWorkload,
    kSoftmaxRegressionWorkload, kMlpWorkload, kCnnWorkload, kForwardGnnWorkload, kBilevelWorkload,
    kForwardForwardWorkload, kNoPropWorkload;

namespace {

// Every workload.
constexpr const WorkloadKind* kTable[] = {
    &kLinearRegressionWorkload,
    &kLogisticRegressionWorkload,
    &kSoftmaxRegressionWorkload,
    &kMlpWorkload,
    &kCnnWorkload,
    &kForwardGnnWorkload,
    &kBilevelWorkload,
    &kForwardForwardWorkload,
    &kNoPropWorkload,
};
constexpr std::span<const WorkloadKind* const> kWorkloads = kTable;

const char* NameOf(v1::Targets targets) { return targets == v1::NUMBERS ? "numbers" : "classes"; }

// What the targets must be taken for, if that is settled.
v1::Targets TargetsOf(const WorkloadKind& kind) {
  switch (kind.takes) {
    case TakesTargets::kAsNumbers:
      return v1::NUMBERS;
    case TakesTargets::kAsClasses:
      return v1::CLASSES;
    case TakesTargets::kAsEither:
    case TakesTargets::kAsTheyAre:
      break;
  }
  return v1::TARGETS_UNSPECIFIED;
}

void CheckTargets(const WorkloadKind& kind, const v1::WorkloadSpec& spec, Findings* findings) {
  const v1::Targets asked = spec.targets(), settled = TargetsOf(kind);
  if (kind.takes == TakesTargets::kAsEither || asked == v1::TARGETS_UNSPECIFIED ||
      asked == settled || !v1::Targets_IsValid(asked)) {
    return;
  }
  findings->Require(false, "workload.targets", NameOf(asked),
                    absl::StrCat(settled == v1::TARGETS_UNSPECIFIED ? "left out" : NameOf(settled),
                                 ": ", ChosenField(spec)->name(), " leaves no choice"));
}

// The data as the workload takes it: with classes, or without.
absl::StatusOr<DatasetInfo> AsTaken(const WorkloadKind& kind, v1::Targets asked,
                                    const DatasetInfo& data, const std::string& field) {
  if (kind.takes == TakesTargets::kAsTheyAre) return data;
  v1::Targets takes = asked == v1::TARGETS_UNSPECIFIED ? TargetsOf(kind) : asked;
  if (takes == v1::TARGETS_UNSPECIFIED) {
    takes = data.classes > 0 && !data.rather_numbers ? v1::CLASSES : v1::NUMBERS;
  }
  DatasetInfo taken = data;
  if (takes == v1::NUMBERS) {
    taken.classes = 0;
    taken.class_labels.clear();
    return taken;
  }
  absl::Status has_classes = CheckHasClasses(data, field);
  if (has_classes.ok()) return taken;
  if (kind.takes != TakesTargets::kAsEither || asked != v1::TARGETS_UNSPECIFIED) return has_classes;
  return absl::InvalidArgumentError(
      absl::StrCat(has_classes.message(), "; for a regression say workload.targets: numbers"));
}

absl::Status CheckSparseFeatures(const DatasetInfo& data, const std::string& field) {
  if (!data.sparse || data.features <= kMaxSparseFeatures) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " takes sparse data of at most ", kMaxSparseFeatures,
                   " features; the data has ", data.features, " (linear models take any number)"));
}

}  // namespace

void FillWorkload(v1::WorkloadSpec* spec) { FillKind(kWorkloads, spec); }

void CheckWorkload(const v1::WorkloadSpec& spec, Findings* findings) {
  CheckEnums(spec, "workload", findings);
  CheckKind(kWorkloads, spec, "workload", findings);
  const WorkloadKind* kind = FindKind(kWorkloads, spec);
  if (kind != nullptr) CheckTargets(*kind, spec, findings);
}

uint64_t DefaultBatchSize(const v1::WorkloadSpec& spec) {
  const WorkloadKind* kind = FindKind(kWorkloads, spec);
  return kind == nullptr ? WorkloadKind{}.batch_size : kind->batch_size;
}

bool HasOneLane(const v1::WorkloadSpec& spec) {
  const WorkloadKind* kind = FindKind(kWorkloads, spec);
  return kind != nullptr && kind->one_lane;
}

absl::Status CheckHasClasses(const DatasetInfo& data, const std::string& field) {
  const std::string needs = absl::StrCat(field, " needs data of at least two classes; ");
  if (!data.no_classes.empty()) return absl::InvalidArgumentError(needs + data.no_classes);
  if (data.classes >= 2) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(needs, "the data has ", data.classes == 0 ? "real targets" : "one class"));
}

absl::Status CheckHasImages(const DatasetInfo& data, const std::string& field) {
  const int64_t pixels = int64_t{data.channels} * data.height * data.width;
  if (!data.sparse && pixels >= 1 && pixels == data.features) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, " needs images; the data has ",
                                                 data.features, data.sparse ? " sparse" : " plain",
                                                 " features"));
}

MadeWorkload MakeWorkload(const v1::WorkloadSpec& spec, const DatasetInfo& data) {
  v1::WorkloadSpec filled = spec;
  FillWorkload(&filled);
  Findings findings;
  CheckWorkload(filled, &findings);
  findings.Require(data.features >= 1, "data: features", data.features, "1 or more");
  if (absl::Status status = findings.status(); !status.ok()) return status;
  const WorkloadKind& kind = *FindKind(kWorkloads, filled);
  const std::string field = absl::StrCat("workload.", ChosenField(filled)->name());
  const absl::StatusOr<DatasetInfo> taken = AsTaken(kind, filled.targets(), data, field);
  if (!taken.ok()) return taken.status();
  if (kind.writes_out_sparse) {
    if (absl::Status status = CheckSparseFeatures(data, field); !status.ok()) return status;
  }
  return kind.make(filled, *taken, field);
}

}  // namespace gradloom
