#include "models/workloads/bilevel/bilevel_spec.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "models/spec/defaults.h"
#include "models/spec/kinds.h"
#include "models/workloads/bilevel/problem_kind.h"

namespace gradloom {
namespace {

// In a step. Each lane knows all others.
constexpr int64_t kMaxLanes = 1 << 12;
constexpr int64_t kMaxPlaces = 1 << 16;

constexpr Range kPositive = MoreThanUpTo(0, 1e9);
constexpr NumberField kNumbers[] = {
    {"tau", kPositive, 0.3},
    {"eta", kPositive},
    {"tau_v", kPositive},
    {"alpha", MoreThanUpTo(0, 1), 0.1},
    {"beta", MoreThanUpTo(0, 1), 0.1},
    {"gamma", Within(0, 1e9)},
    {"radius", kPositive, 100},
    {"hessian_floor", kPositive, 1e-3},
};

void CheckLate(const v1::Bilevel& spec, const std::string& field, Findings* findings) {
  const double give_up =
      static_cast<double>(spec.give_up().seconds()) + spec.give_up().nanos() * 1e-9;
  findings->Require(!spec.has_give_up() || give_up >= 1e-3, field + ".give_up",
                    absl::StrCat(give_up, " s"), "1ms or more");
  if (spec.late() == v1::Bilevel::DISCARD) return;
  const std::string late = EnumWord(v1::Bilevel::Late_descriptor(), spec.late());
  findings->Require(spec.has_give_up(), field + ".late", late,
                    "discard where give_up is not given: nothing is ever late");
  findings->Require(spec.version() != v1::Bilevel::V1, field + ".late", late,
                    "discard for version v1, whose step has two jobs");
}

void CheckMethod(const v1::Bilevel& spec, const ProblemSizes& sizes, const std::string& field,
                 Findings* findings) {
  const int64_t most = std::min(sizes.blocks, spec.lanes() ? kMaxLanes : kMaxPlaces);
  const NumberField counts[] = {
      {"sampled_blocks", Within(1, static_cast<double>(most))},
      {"batch", Within(1, static_cast<double>(sizes.training_rows))},
      {"validation_batch", Within(1, static_cast<double>(sizes.validation_rows))},
  };
  CheckNumbers(counts, spec, field, findings);
  CheckNumbers(kNumbers, spec, field, findings);
  CheckEnums(spec, field, findings);
  const bool needs_gamma = spec.estimator() == v1::Bilevel::MSVR && !spec.has_gamma();
  findings->Require(!(needs_gamma && spec.alpha() == 1), field + ".alpha", spec.alpha(),
                    "less than 1 where gamma is not given");
  CheckLate(spec, field, findings);
  if (sizes.block_size == 0) return;
  const absl::Status rows = CheckHessianRows(spec, sizes.block_size, field);
  if (!rows.ok()) findings->Add(rows);
}

}  // namespace

void FillBilevelDefaults(v1::Bilevel* spec) {
  FillProblem(spec);
  if (spec->version() == v1::Bilevel::VERSION_UNSPECIFIED) spec->set_version(v1::Bilevel::V2);
  if (spec->estimator() == v1::Bilevel::ESTIMATOR_UNSPECIFIED) {
    spec->set_estimator(v1::Bilevel::MSVR);
  }
  if (spec->late() == v1::Bilevel::LATE_UNSPECIFIED) spec->set_late(v1::Bilevel::DISCARD);
  FillNumbers(kNumbers, spec);
  GRADLOOM_DEFAULT(spec, tau_v, spec->tau());
  GRADLOOM_DEFAULT(spec, lanes, true);
  const ProblemKind* problem = FindProblem(*spec);
  if (problem == nullptr) return;
  GRADLOOM_DEFAULT(spec, eta, problem->eta(*spec));
  const ProblemSizes sizes = problem->sizes(*spec);
  if (sizes.blocks == 0 || sizes.training_rows == 0 || sizes.validation_rows == 0) return;
  GRADLOOM_DEFAULT(spec, sampled_blocks, std::max<int64_t>(1, sizes.blocks / 4));
  GRADLOOM_DEFAULT(spec, batch, std::min<int64_t>(32, sizes.training_rows));
  GRADLOOM_DEFAULT(spec, validation_batch, std::min<int64_t>(spec->batch(), sizes.validation_rows));
}

void CheckBilevelSpec(const v1::Bilevel& spec, const std::string& field, Findings* findings) {
  const size_t before = findings->count();
  CheckProblem(spec, field, findings);
  // What is legal for the method follows from the problem's sizes.
  if (findings->count() > before) return;
  CheckMethod(spec, FindProblem(spec)->sizes(spec), field, findings);
}

absl::Status CheckHessianRows(const v1::Bilevel& spec, int64_t rows, const std::string& field) {
  if (spec.version() != v1::Bilevel::V1 || rows <= kMaxHessianRows) return absl::OkStatus();
  return Illegal(
      field + ".version", "v1",
      absl::StrCat("v2 for blocks of ", rows, " variables: v1 handles Hessians of up to ",
                   kMaxHessianRows, " rows"));
}

}  // namespace gradloom
