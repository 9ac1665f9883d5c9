// One factory per optimiser, for the table in optimiser.cc.
#ifndef GRADLOOM_MODELS_OPTIMISERS_RULES_H_
#define GRADLOOM_MODELS_OPTIMISERS_RULES_H_

#include <memory>

#include "models/optimisers/hyperparameters.h"
#include "models/optimisers/optimiser.h"
#include "models/optimisers/schedule.h"

namespace gradloom {

using OptimiserFactory = std::unique_ptr<Optimiser> (*)(const Hyperparameters&, const Schedule&);

std::unique_ptr<Optimiser> MakeSgd(const Hyperparameters& h, const Schedule& schedule);
std::unique_ptr<Optimiser> MakeMomentum(const Hyperparameters& h, const Schedule& schedule);
std::unique_ptr<Optimiser> MakeNesterov(const Hyperparameters& h, const Schedule& schedule);
std::unique_ptr<Optimiser> MakeAdaGrad(const Hyperparameters& h, const Schedule& schedule);
std::unique_ptr<Optimiser> MakeRmsProp(const Hyperparameters& h, const Schedule& schedule);
std::unique_ptr<Optimiser> MakeAdam(const Hyperparameters& h, const Schedule& schedule);
std::unique_ptr<Optimiser> MakeAdamW(const Hyperparameters& h, const Schedule& schedule);
std::unique_ptr<Optimiser> MakeAmsGrad(const Hyperparameters& h, const Schedule& schedule);
std::unique_ptr<Optimiser> MakeDiffGrad(const Hyperparameters& h, const Schedule& schedule);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_OPTIMISERS_RULES_H_
