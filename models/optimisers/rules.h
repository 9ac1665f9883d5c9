// One factory per optimiser, for the table in optimiser.cc.
#ifndef GRADLOOM_MODELS_OPTIMISERS_RULES_H_
#define GRADLOOM_MODELS_OPTIMISERS_RULES_H_

#include <memory>

#include "models/optimisers/hyperparameters.h"
#include "models/optimisers/learning_rate_schedule.h"
#include "models/optimisers/optimiser.h"

namespace gradloom {

using OptimiserFactory = std::unique_ptr<Optimiser> (*)(const Hyperparameters&,
                                                        const LearningRateSchedule&);

std::unique_ptr<Optimiser> MakeSgd(const Hyperparameters& h, const LearningRateSchedule& schedule);
std::unique_ptr<Optimiser> MakeMomentum(const Hyperparameters& h,
                                        const LearningRateSchedule& schedule);
std::unique_ptr<Optimiser> MakeNesterov(const Hyperparameters& h,
                                        const LearningRateSchedule& schedule);
std::unique_ptr<Optimiser> MakeAdaGrad(const Hyperparameters& h,
                                       const LearningRateSchedule& schedule);
std::unique_ptr<Optimiser> MakeRmsProp(const Hyperparameters& h,
                                       const LearningRateSchedule& schedule);
std::unique_ptr<Optimiser> MakeAdam(const Hyperparameters& h, const LearningRateSchedule& schedule);
std::unique_ptr<Optimiser> MakeAdamW(const Hyperparameters& h,
                                     const LearningRateSchedule& schedule);
std::unique_ptr<Optimiser> MakeAmsGrad(const Hyperparameters& h,
                                       const LearningRateSchedule& schedule);
std::unique_ptr<Optimiser> MakeDiffGrad(const Hyperparameters& h,
                                        const LearningRateSchedule& schedule);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_OPTIMISERS_RULES_H_
