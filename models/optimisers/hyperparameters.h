// An OptimizerSpec with every default filled in and every value inside its legal range.
#ifndef GRADLOOM_MODELS_OPTIMISERS_HYPERPARAMETERS_H_
#define GRADLOOM_MODELS_OPTIMISERS_HYPERPARAMETERS_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

struct Hyperparameters {
  double learning_rate = 0;
  double momentum = 0;
  double beta1 = 0;
  double beta2 = 0;
  double epsilon = 0;
  double weight_decay = 0;
  double clip_norm = 0;
};

// What one kind of optimiser reads and its defaults. A field without a default here is not used by
// that kind, and giving it is an error: it would silently do nothing.
struct HyperparameterDefaults {
  double learning_rate = 1e-3;
  std::optional<double> momentum = std::nullopt;
  std::optional<double> beta1 = std::nullopt;
  std::optional<double> beta2 = std::nullopt;
  std::optional<double> epsilon = std::nullopt;
  double weight_decay = 0;
};

// kind: the optimiser's name, for messages. InvalidArgument names the field ("optimizer.beta1"),
// the value and the legal range, or the fields that this kind uses.
absl::StatusOr<Hyperparameters> ResolveHyperparameters(const v1::OptimizerSpec& spec,
                                                       absl::string_view kind,
                                                       const HyperparameterDefaults& defaults);

// InvalidArgument unless low <= value <= high (low < value when open_low, value < high when
// open_high); field as the user writes it.
struct LegalRange {
  double low;
  double high;
  bool open_low = false;
  bool open_high = false;
};
absl::Status CheckRange(absl::string_view field, double value, const LegalRange& range);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_OPTIMISERS_HYPERPARAMETERS_H_
