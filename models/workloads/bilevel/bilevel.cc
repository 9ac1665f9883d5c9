// workload.bilevel as a workload, where spec and data fit each other.
#include <utility>

#include "models/workloads/bilevel/bilevel_spec.h"
#include "models/workloads/bilevel/bilevel_workload.h"
#include "models/workloads/bilevel/problem_kind.h"
#include "models/workloads/workload_kind.h"

namespace gradloom {
namespace {

// Values of all y together, so that the coordinator's state has a limit.
constexpr int64_t kMaxBlockValues = int64_t{1} << 31;
// Of all blocks: problems draw something for each of them, and keep it.
constexpr int64_t kMaxRows = int64_t{1} << 26;

absl::Status CheckData(int64_t rows, const DatasetInfo& data, const std::string& field) {
  if (absl::Status has = CheckHasClasses(data, field); !has.ok()) return has;
  if (data.classes != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " needs data of two classes; the data has ", data.classes, " classes"));
  }
  if (rows > kMaxRows) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": its blocks have ", rows, " rows; legal are up to ", kMaxRows));
  }
  if (rows > data.examples) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": its blocks have ", rows,
                                                   " rows; the training set has ", data.examples));
  }
  return absl::OkStatus();
}

MadeWorkload Make(const v1::WorkloadSpec& workload, const DatasetInfo& data,
                  const std::string& field) {
  const v1::Bilevel& spec = workload.bilevel();
  const ProblemKind& kind = *FindProblem(spec);
  // Before the problem is made: it keeps what it draws for every row.
  if (const int64_t rows = kind.sizes(spec).data_rows; rows > 0) {
    if (absl::Status status = CheckData(rows, data, field); !status.ok()) return status;
  }
  std::unique_ptr<BilevelProblem> problem = kind.make(spec, data.features);
  const BilevelShape& shape = problem->shape();
  if (absl::Status status = CheckHessianRows(spec, shape.dy, field); !status.ok()) return status;
  if (shape.dy > kMaxBlockValues / shape.blocks) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": ", shape.blocks, " blocks of ",
                                                   shape.dy, " variables; legal are up to ",
                                                   kMaxBlockValues, " variables of all blocks"));
  }
  const auto sampled = static_cast<int>(spec.sampled_blocks());
  BilevelPlan plan;
  plan.sampler = {shape, sampled, spec.batch(), spec.validation_batch()};
  plan.lanes = {sampled, PhasesOf(spec.version()), spec.lanes()};
  plan.options = {.version = spec.version(),
                  .estimator = spec.estimator(),
                  .sampled = sampled,
                  .eta = spec.eta(),
                  .tau = spec.tau(),
                  .tau_v = spec.tau_v(),
                  .alpha = spec.alpha(),
                  .beta = spec.beta(),
                  .gamma = {},
                  .radius = spec.radius(),
                  .hessian_floor = spec.hessian_floor(),
                  .late_pairs = spec.late() == v1::Bilevel::PAIRS};
  if (spec.has_give_up()) {
    plan.give_up =
        absl::Seconds(spec.give_up().seconds()) + absl::Nanoseconds(spec.give_up().nanos());
    plan.late = spec.late() != v1::Bilevel::DISCARD;
  }
  if (spec.has_gamma()) plan.options.gamma = spec.gamma();
  return std::make_unique<BilevelWorkload>(std::move(problem), plan, data);
}

}  // namespace

extern const WorkloadKind kBilevelWorkload = {
    .spec = {
        .kind = v1::WorkloadSpec::kBilevel,
        .fill = [](v1::WorkloadSpec* spec) { FillBilevelDefaults(spec->mutable_bilevel()); },
        .check = [](const v1::WorkloadSpec& spec, const std::string& field,
                    Findings* findings) { CheckBilevelSpec(spec.bilevel(), field, findings); }},
    .make = Make,
};

}  // namespace gradloom
