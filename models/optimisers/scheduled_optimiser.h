// What every optimiser shares: its spec, its learning rates, the names of its state.
#ifndef GRADLOOM_MODELS_OPTIMISERS_SCHEDULED_OPTIMISER_H_
#define GRADLOOM_MODELS_OPTIMISERS_SCHEDULED_OPTIMISER_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/internal/raw_logging.h"
#include "gradloom/v1/run.pb.h"
#include "models/optimisers/learning_rate_schedule.h"
#include "models/optimisers/optimiser.h"

namespace gradloom {

class ScheduledOptimiser : public Optimiser {
 public:
  const std::vector<std::string>& state_names() const override { return state_names_; }
  double LearningRate(int64_t job) const override {
    return spec_.learning_rate() * schedule_.Factor(job);
  }

 protected:
  ScheduledOptimiser(const v1::OptimizerSpec& spec, const LearningRateSchedule& schedule,
                     std::vector<std::string> state_names)
      : spec_(spec), schedule_(schedule), state_names_(std::move(state_names)) {
    clip_norm_ = spec.clip_norm();
  }

  const v1::OptimizerSpec& spec() const { return spec_; }  // has its defaults

 private:
  v1::OptimizerSpec spec_;
  LearningRateSchedule schedule_;
  std::vector<std::string> state_names_;
};

// A rule that sees whole tensors: it defines UpdateTensor.
class TensorOptimiser : public ScheduledOptimiser {
 public:
  bool element_wise() const final { return false; }
  void Update(int64_t /*job*/, double /*scale*/, std::span<const float> /*gradient*/,
              std::span<float> /*parameters*/,
              std::span<const std::span<float>> /*state*/) const final {
    ABSL_RAW_LOG(FATAL, "a block of a rule that sees whole tensors");
  }
  void UpdateTensor(int64_t job, double scale, const TensorView& tensor,
                    std::span<const float> gradient, std::span<float> parameters,
                    std::span<const std::span<float>> state) const override = 0;

 protected:
  using ScheduledOptimiser::ScheduledOptimiser;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_OPTIMISERS_SCHEDULED_OPTIMISER_H_
