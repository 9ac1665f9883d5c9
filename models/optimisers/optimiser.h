// How a decoded gradient moves the parameters. Runs at the coordinator, after decoding: everything
// non-linear or global (division by the number of examples, weight decay, clipping, moments,
// schedule) happens here, never at a worker. Stateless: the moments live with the caller, so that
// checkpoints see them. Element-wise, so any split into blocks gives the same bits.
#ifndef GRADLOOM_MODELS_OPTIMISERS_OPTIMISER_H_
#define GRADLOOM_MODELS_OPTIMISERS_OPTIMISER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

class Optimiser {
 public:
  virtual ~Optimiser() = default;
  // Names of the state vectors, each as long as the parameters and starting at zero:
  // e.g. {"first_moment", "second_moment"}.
  virtual const std::vector<std::string>& state_names() const = 0;
  // Learning rate at job (from 0), schedule and warm-up applied.
  virtual double LearningRate(int64_t job) const = 0;
  // 0: no clipping.
  double clip_norm() const { return clip_norm_; }
  // One block of job's update. gradient[i] * scale is the mean gradient (scale = clip factor / N);
  // weight decay is added here. state[k] is the block's slice of state vector k.
  virtual void Update(int64_t job, double scale, std::span<const float> gradient,
                      std::span<float> parameters,
                      std::span<const std::span<float>> state) const = 0;

 protected:
  double clip_norm_ = 0;
};

// jobs: length of the training, for schedules. Errors name the field ("optimizer.beta1"), the value
// and what is legal.
absl::StatusOr<std::unique_ptr<Optimiser>> MakeOptimiser(const v1::OptimizerSpec& spec,
                                                         int64_t jobs);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_OPTIMISERS_OPTIMISER_H_
