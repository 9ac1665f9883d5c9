#include "coding/codes/code_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
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

using Code = SchemeSpec::Code;

constexpr double kAnyWork = std::numeric_limits<double>::infinity();

constexpr CodeEntry kCodes[] = {
    {Code::kFractionalRepetition, "fractional_repetition", kMaxSlots, kAnyWork,
     MakeFractionalRepetition},
    {Code::kCyclic, "cyclic", kMaxDenseSlots, kMaxDenseWork, MakeCyclic},
    {Code::kDual, "dual", kMaxDenseSlots, kMaxDenseWork, MakeDual},
    {Code::kDualBalanced, "dual_balanced", kMaxDenseSlots, kMaxDenseWork, MakeDualBalanced},
    {Code::kEarlyStop, "early_stop", kMaxSlots, kAnyWork, MakeEarlyStop},
    {Code::kGraph, "graph", kMaxSlots, kAnyWork, MakeGraph},
    {Code::kBernoulli, "bernoulli", kMaxSparseSlots, kAnyWork, MakeBernoulli},
    {Code::kPairwiseBalanced, "pairwise_balanced", kMaxSparseSlots, kAnyWork, MakePairwiseBalanced},
};

absl::Status Validate(const CodeEntry& entry, const CodeParameters& parameters) {
  const int n = parameters.slots;
  if (n < 1 || n > entry.max_slots) {
    return absl::InvalidArgumentError(
        absl::StrCat("slots = ", n, " with code ", entry.name, ": legal are 1..", entry.max_slots));
  }
  if (parameters.s < 0 || parameters.s >= n) {
    return absl::InvalidArgumentError(
        absl::StrCat("s = ", parameters.s, " with ", n, " slots: legal are 0..", n - 1));
  }
  const int s_max = static_cast<int>(std::min<double>(n, std::cbrt(entry.max_work / n))) - 1;
  if (parameters.s > s_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "s = ", parameters.s, " with ", n, " slots and code ", entry.name, ": legal are 0..", s_max,
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

std::span<const CodeEntry> CodeTable() { return kCodes; }

absl::StatusOr<std::unique_ptr<GradientCode>> MakeCode(Code code,
                                                       const CodeParameters& parameters) {
  for (const CodeEntry& entry : kCodes) {
    if (entry.code != code) continue;
    if (absl::Status status = Validate(entry, parameters); !status.ok()) return status;
    return entry.make(parameters);
  }
  const auto append_name = [](std::string* out, const CodeEntry& entry) {
    absl::StrAppend(out, entry.name);
  };
  return absl::InvalidArgumentError(absl::StrCat("code = ", static_cast<int>(code), ": legal are ",
                                                 absl::StrJoin(kCodes, ", ", append_name)));
}

absl::StatusOr<std::unique_ptr<GradientCode>> MakeCode(const SchemeSpec& spec) {
  CodeParameters parameters;
  parameters.slots = spec.slots;
  parameters.seed = spec.seed;
  switch (spec.kind) {
    case SchemeSpec::Kind::kUncoded: {
      if (spec.slots < 1 || spec.slots > kMaxSlots) {
        return absl::InvalidArgumentError(
            absl::StrCat("slots = ", spec.slots, ": legal are 1..", kMaxSlots));
      }
      return MakeUncoded(spec.slots);
    }
    case SchemeSpec::Kind::kGc:
      parameters.s = spec.s;
      parameters.throughput = spec.throughput;
      return MakeCode(spec.code, parameters);
    case SchemeSpec::Kind::kSrSgc:
    case SchemeSpec::Kind::kMSgc:
    case SchemeSpec::Kind::kMultiMessage:
      break;
  }
  return absl::InvalidArgumentError(
      "kind = sr_sgc, m_sgc or multi_message: not one code; legal are uncoded and gc");
}

}  // namespace gradloom
