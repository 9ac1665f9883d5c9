// An optimiser's entry in the table (optimiser.cc). To add one: its kind in run.proto's
// OptimizerSpec, with fields of its own if it has any, a file with its rule and its entry, and its
// name in the table.
#ifndef GRADLOOM_MODELS_OPTIMISERS_OPTIMISER_KIND_H_
#define GRADLOOM_MODELS_OPTIMISERS_OPTIMISER_KIND_H_

#include <memory>
#include <span>

#include "gradloom/v1/run.pb.h"
#include "models/optimisers/learning_rate_schedule.h"
#include "models/optimisers/optimiser.h"
#include "models/spec/numbers.h"

namespace gradloom {

struct OptimiserKind {
  v1::OptimizerSpec::Kind kind;
  // Defaults of what every kind has.
  double learning_rate = 1e-3;
  double weight_decay = 0;
  // The other fields that this kind uses. One that it does not list is an error when it is given.
  std::span<const NumberField> numbers = {};
  // `spec` has its defaults and is legal.
  std::unique_ptr<Optimiser> (*make)(const v1::OptimizerSpec& spec,
                                     const LearningRateSchedule& schedule) = nullptr;
};

// Decays are weights of a mean: 1 would never learn.
inline constexpr Range kDecayRange = AtLeastBelow(0, 1);
// A parameter whose gradient was always zero divides zero by epsilon, so epsilon must survive the
// conversion to float.
inline constexpr Range kEpsilonRange = Within(1e-30, 1);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_OPTIMISERS_OPTIMISER_KIND_H_
