#include "models/optimisers/hyperparameters.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gradloom {
namespace {

// Decays are weights of a mean: 1 would never learn.
constexpr LegalRange kDecay = {0, 1, false, true};
// Beyond this no training is meant, and float arithmetic still has room.
constexpr LegalRange kLearningRate = {0, 1e6, true, false};
constexpr LegalRange kWeightDecay = {0, 1e6};
constexpr LegalRange kClipNorm = {0, 1e30};
// A parameter whose gradient was always zero divides zero by epsilon, so epsilon must survive the
// conversion to float.
constexpr LegalRange kEpsilon = {1e-30, 1};

struct Field {
  const char* name;
  bool given;
  double value;
  std::optional<double> fallback;  // empty: unused by this kind
  LegalRange range;
  double* target;
};

}  // namespace

absl::Status CheckRange(absl::string_view field, double value, const LegalRange& range) {
  // Written so that NaN fails.
  const bool above = range.open_low ? value > range.low : value >= range.low;
  const bool below = range.open_high ? value < range.high : value <= range.high;
  if (above && below) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      field, " is ", value, "; legal: ", range.open_low ? "greater than " : "at least ", range.low,
      range.open_high ? " and less than " : " and at most ", range.high));
}

absl::StatusOr<Hyperparameters> ResolveHyperparameters(const v1::OptimizerSpec& spec,
                                                       absl::string_view kind,
                                                       const HyperparameterDefaults& defaults) {
  Hyperparameters h;
  const std::vector<Field> fields = {
      {"learning_rate", spec.has_learning_rate(), spec.learning_rate(), defaults.learning_rate,
       kLearningRate, &h.learning_rate},
      {"momentum", spec.has_momentum(), spec.momentum(), defaults.momentum, kDecay, &h.momentum},
      {"beta1", spec.has_beta1(), spec.beta1(), defaults.beta1, kDecay, &h.beta1},
      {"beta2", spec.has_beta2(), spec.beta2(), defaults.beta2, kDecay, &h.beta2},
      {"epsilon", spec.has_epsilon(), spec.epsilon(), defaults.epsilon, kEpsilon, &h.epsilon},
      {"weight_decay", spec.has_weight_decay(), spec.weight_decay(), defaults.weight_decay,
       kWeightDecay, &h.weight_decay},
      {"clip_norm", spec.has_clip_norm(), spec.clip_norm(), 0, kClipNorm, &h.clip_norm},
  };
  std::vector<std::string> used;
  for (const Field& field : fields) {
    if (field.fallback.has_value()) used.emplace_back(field.name);
  }
  used.emplace_back("schedule");
  for (const Field& field : fields) {
    const std::string name = absl::StrCat("optimizer.", field.name);
    if (!field.fallback.has_value()) {
      if (!field.given) continue;
      return absl::InvalidArgumentError(absl::StrCat(name, " is ", field.value, ", but ", kind,
                                                     " does not use it; ", kind,
                                                     " uses: ", absl::StrJoin(used, ", ")));
    }
    *field.target = field.given ? field.value : *field.fallback;
    if (absl::Status status = CheckRange(name, *field.target, field.range); !status.ok()) {
      return status;
    }
  }
  return h;
}

}  // namespace gradloom
