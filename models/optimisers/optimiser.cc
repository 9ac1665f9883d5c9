#include "models/optimisers/optimiser.h"

#include "absl/strings/str_cat.h"
#include "models/optimisers/hyperparameters.h"
#include "models/optimisers/learning_rate_schedule.h"
#include "models/optimisers/rules.h"

namespace gradloom {
namespace {

struct OptimiserEntry {
  v1::OptimizerSpec::Kind kind;
  const char* name;
  HyperparameterDefaults defaults;
  OptimiserFactory make;
};

constexpr OptimiserEntry kOptimisers[] = {
    {v1::OptimizerSpec::SGD, "sgd", {.learning_rate = 1e-2}, MakeSgd},
    {v1::OptimizerSpec::MOMENTUM,
     "momentum",
     {.learning_rate = 1e-2, .momentum = 0.9},
     MakeMomentum},
    {v1::OptimizerSpec::NESTEROV,
     "nesterov",
     {.learning_rate = 1e-2, .momentum = 0.9},
     MakeNesterov},
    {v1::OptimizerSpec::ADAGRAD, "adagrad", {.learning_rate = 1e-2, .epsilon = 1e-8}, MakeAdaGrad},
    {v1::OptimizerSpec::RMSPROP, "rmsprop", {.beta2 = 0.99, .epsilon = 1e-8}, MakeRmsProp},
    {v1::OptimizerSpec::ADAM, "adam", {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}, MakeAdam},
    {v1::OptimizerSpec::ADAMW,
     "adamw",
     {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.01},
     MakeAdamW},
    {v1::OptimizerSpec::AMSGRAD,
     "amsgrad",
     {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8},
     MakeAmsGrad},
    {v1::OptimizerSpec::DIFFGRAD,
     "diffgrad",
     {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8},
     MakeDiffGrad},
};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimiser>> MakeOptimiser(const v1::OptimizerSpec& spec,
                                                         int64_t jobs) {
  const v1::OptimizerSpec::Kind kind =
      spec.kind() == v1::OptimizerSpec::KIND_UNSPECIFIED ? v1::OptimizerSpec::ADAM : spec.kind();
  std::string known;
  for (const OptimiserEntry& entry : kOptimisers) {
    absl::StrAppend(&known, known.empty() ? "" : ", ", entry.name);
    if (entry.kind != kind) continue;
    absl::StatusOr<Hyperparameters> hyperparameters =
        ResolveHyperparameters(spec, entry.name, entry.defaults);
    if (!hyperparameters.ok()) return hyperparameters.status();
    absl::StatusOr<LearningRateSchedule> schedule =
        LearningRateSchedule::Make(spec.schedule(), jobs);
    if (!schedule.ok()) return schedule.status();
    return entry.make(*hyperparameters, *schedule);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("optimizer.kind is number ", static_cast<int>(kind), "; known: ", known));
}

}  // namespace gradloom
