#include "models/workloads/bilevel/problem_kind.h"

namespace gradloom {

// Each is defined beside its problem.
extern const ProblemKind kHospitalsProblem, kPersonalHeadsProblem, kSampleWeightsProblem,
    kQuadraticBlocksProblem;

namespace {

// Every problem.
constexpr const ProblemKind* kTable[] = {
    &kHospitalsProblem,
    &kPersonalHeadsProblem,
    &kSampleWeightsProblem,
    &kQuadraticBlocksProblem,
};
constexpr std::span<const ProblemKind* const> kProblems = kTable;

}  // namespace

const ProblemKind* FindProblem(const v1::Bilevel& spec) { return FindKind(kProblems, spec); }

void FillProblem(v1::Bilevel* spec) { FillKind(kProblems, spec); }

void CheckProblem(const v1::Bilevel& spec, const std::string& field, Findings* findings) {
  CheckKind(kProblems, spec, field, findings);
}

}  // namespace gradloom
