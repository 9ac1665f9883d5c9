#include "coordinator/run_file/specs.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coding/reproducible_sum.h"

namespace gradloom {
namespace {

SchemeSpec::Code ToCode(v1::GradientCoding::Code code) {
  switch (code) {
    case v1::GradientCoding::CYCLIC:
      return SchemeSpec::Code::kCyclic;
    case v1::GradientCoding::DUAL:
      return SchemeSpec::Code::kDual;
    case v1::GradientCoding::DUAL_BALANCED:
      return SchemeSpec::Code::kDualBalanced;
    case v1::GradientCoding::EARLY_STOP:
      return SchemeSpec::Code::kEarlyStop;
    case v1::GradientCoding::GRAPH:
      return SchemeSpec::Code::kGraph;
    case v1::GradientCoding::BERNOULLI:
      return SchemeSpec::Code::kBernoulli;
    case v1::GradientCoding::PAIRWISE_BALANCED:
      return SchemeSpec::Code::kPairwiseBalanced;
    default:
      return SchemeSpec::Code::kFractionalRepetition;
  }
}

// The key that stands below `scheme`.
absl::string_view SchemeKey(const v1::SchemeSpec& scheme) {
  const auto* key = scheme.GetDescriptor()->FindFieldByNumber(scheme.scheme_case());
  return key == nullptr ? "slots" : absl::string_view(key->name());
}

absl::Status CheckParts(const Scheme& scheme, int slots) {
  const auto parts = static_cast<int64_t>(scheme.parts().size());
  if (!scheme.unit_weights() || parts <= ReproducibleSum::kMaxAddends) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      scheme.description(), " over ", slots, " slots has ", parts, " parts; legal are at most ",
      ReproducibleSum::kMaxAddends, ": take fewer slots or a smaller w"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Scheme>> MakeRunScheme(const v1::SchemeSpec& scheme, int slots) {
  absl::StatusOr<std::unique_ptr<Scheme>> made = MakeScheme(ToSchemeSpec(scheme, slots));
  const absl::Status status = made.ok() ? CheckParts(**made, slots) : made.status();
  if (status.ok()) return made;
  return absl::InvalidArgumentError(
      absl::StrCat("scheme.", SchemeKey(scheme), ": ", std::string(status.message())));
}

SchemeSpec ToSchemeSpec(const v1::SchemeSpec& scheme, int slots) {
  SchemeSpec spec;
  spec.slots = scheme.has_slots() ? static_cast<int>(scheme.slots()) : slots;
  switch (scheme.scheme_case()) {
    case v1::SchemeSpec::kGc:
      spec.kind = SchemeSpec::Kind::kGc;
      spec.s = static_cast<int>(scheme.gc().s());
      spec.code = ToCode(scheme.gc().code());
      spec.seed = scheme.gc().has_seed() ? scheme.gc().seed() : 1;
      break;
    case v1::SchemeSpec::kMultiMessage:
      spec.kind = SchemeSpec::Kind::kMultiMessage;
      spec.reach = static_cast<int>(scheme.multi_message().reach());
      break;
    case v1::SchemeSpec::kSrSgc:
      spec.kind = SchemeSpec::Kind::kSrSgc;
      spec.b = static_cast<int>(scheme.sr_sgc().b());
      spec.w = static_cast<int>(scheme.sr_sgc().w());
      spec.lambda = static_cast<int>(scheme.sr_sgc().lambda());
      break;
    case v1::SchemeSpec::kMSgc:
      spec.kind = SchemeSpec::Kind::kMSgc;
      spec.b = static_cast<int>(scheme.m_sgc().b());
      spec.w = static_cast<int>(scheme.m_sgc().w());
      spec.lambda = static_cast<int>(scheme.m_sgc().lambda());
      break;
    default:
      spec.kind = SchemeSpec::Kind::kUncoded;
      break;
  }
  return spec;
}

ClosingRuleSpec ToClosingRuleSpec(const v1::ClosingSpec& closing) {
  ClosingRuleSpec spec;
  switch (closing.rule()) {
    case v1::ClosingSpec::WAIT_FOR_ALL:
      spec.kind = ClosingRuleSpec::Kind::kWaitForAll;
      break;
    case v1::ClosingSpec::MU:
      spec.kind = ClosingRuleSpec::Kind::kMu;
      break;
    case v1::ClosingSpec::QUANTILE:
      spec.kind = ClosingRuleSpec::Kind::kQuantile;
      break;
    default:
      spec.kind = ClosingRuleSpec::Kind::kFirstDecodable;
      break;
  }
  if (closing.has_mu()) spec.mu = closing.mu();
  if (closing.has_quantile()) spec.quantile = closing.quantile();
  if (closing.has_factor()) spec.factor = closing.factor();
  return spec;
}

}  // namespace gradloom
