#include "coding/codes/code_table.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coding/codes/bernoulli.h"
#include "coding/codes/cyclic.h"
#include "coding/codes/dual.h"
#include "coding/codes/early_stop.h"
#include "coding/codes/fractional_repetition.h"
#include "coding/codes/graph.h"
#include "coding/codes/pairwise_balanced.h"

namespace gradloom {
namespace {

constexpr const CodeKind* kCodes[] = {
    &kFractionalRepetitionCode,
    &kCyclicCode,
    &kDualCode,
    &kDualBalancedCode,
    &kEarlyStopCode,
    &kGraphCode,
    &kBernoulliCode,
    &kPairwiseBalancedCode,
};

absl::Status Validate(const CodeKind& code, const CodeParameters& parameters) {
  const int n = parameters.slots;
  if (n < 1 || n > code.max_slots) {
    return absl::InvalidArgumentError(
        absl::StrCat("slots = ", n, " with code ", code.name, ": legal are 1..", code.max_slots));
  }
  if (parameters.s < 0 || parameters.s >= n) {
    return absl::InvalidArgumentError(
        absl::StrCat("s = ", parameters.s, " with ", n, " slots: legal are 0..", n - 1));
  }
  const int s_max = static_cast<int>(std::min<double>(n, std::cbrt(code.max_work / n))) - 1;
  if (parameters.s > s_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "s = ", parameters.s, " with ", n, " slots and code ", code.name, ": legal are 0..", s_max,
        " (its construction takes slots x (s+1)^3 operations)"));
  }
  if (parameters.degree < 0 || parameters.degree > n) {
    return absl::InvalidArgumentError(absl::StrCat("degree = ", parameters.degree, " with ", n,
                                                   " slots: legal are 0 (chosen from s)..", n));
  }
  const std::vector<double>& throughput = parameters.throughput;
  if (!throughput.empty() && throughput.size() != static_cast<size_t>(n)) {
    return absl::InvalidArgumentError(absl::StrCat("throughput has ", throughput.size(),
                                                   " entries with ", n, " slots: legal are ", n,
                                                   ", or none for equal speeds"));
  }
  for (size_t slot = 0; slot < throughput.size(); ++slot) {
    if (std::isfinite(throughput[slot]) && throughput[slot] > 0) continue;
    return absl::InvalidArgumentError(absl::StrCat("throughput[", slot, "] = ", throughput[slot],
                                                   ": legal are finite numbers > 0"));
  }
  return absl::OkStatus();
}

}  // namespace

std::span<const CodeKind* const> CodeTable() { return kCodes; }

std::vector<absl::string_view> CodeNames() {
  std::vector<absl::string_view> names;
  for (const CodeKind* code : kCodes) names.push_back(code->name);
  return names;
}

const CodeKind* FindCode(absl::string_view name) {
  for (const CodeKind* code : kCodes) {
    if (code->name == name) return code;
  }
  return nullptr;
}

absl::StatusOr<std::unique_ptr<GradientCode>> MakeCode(absl::string_view name,
                                                       const CodeParameters& parameters) {
  const CodeKind* code = FindCode(name);
  if (code == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("code = ", name, ": legal are ", absl::StrJoin(CodeNames(), ", ")));
  }
  if (absl::Status status = Validate(*code, parameters); !status.ok()) return status;
  return code->make(parameters);
}

}  // namespace gradloom
