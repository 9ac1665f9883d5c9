// What every optimiser file shares: the schedule, the checks on spans, and the loop over elements.
// A rule is a small struct of float coefficients with one element's update; it is compiled into one
// vectorised loop. All arithmetic is float, each operation rounded by itself (no contraction), with
// coefficients computed once per block in double: so an element's result depends on that element
// alone, wherever in a block it stands.
#ifndef GRADLOOM_MODELS_OPTIMISERS_UPDATE_RULE_H_
#define GRADLOOM_MODELS_OPTIMISERS_UPDATE_RULE_H_

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/internal/raw_logging.h"
#include "models/optimisers/hyperparameters.h"
#include "models/optimisers/learning_rate_schedule.h"
#include "models/optimisers/optimiser.h"

namespace gradloom {

// Rule has
//   static constexpr std::array<const char*, S> kStateNames;
//   Rule(const Hyperparameters&, int64_t job, double learning_rate);
//   void operator()(float gradient, float& parameter, float& state_0, ... S of them) const;
// where `gradient` is the mean gradient, already scaled.
template <typename Rule>
class RuleOptimiser final : public Optimiser {
 public:
  RuleOptimiser(const Hyperparameters& hyperparameters, LearningRateSchedule schedule)
      : hyperparameters_(hyperparameters),
        schedule_(schedule),
        state_names_(Rule::kStateNames.begin(), Rule::kStateNames.end()) {
    clip_norm_ = hyperparameters.clip_norm;
  }

  const std::vector<std::string>& state_names() const override { return state_names_; }

  double LearningRate(int64_t job) const override {
    return hyperparameters_.learning_rate * schedule_.Factor(job);
  }

  void Update(int64_t job, double scale, std::span<const float> gradient,
              std::span<float> parameters, std::span<const std::span<float>> state) const override {
    ABSL_RAW_CHECK(gradient.size() == parameters.size(), "a gradient of another length");
    ABSL_RAW_CHECK(state.size() == Rule::kStateNames.size(), "a wrong number of state vectors");
    for (const std::span<float>& vector : state) {
      ABSL_RAW_CHECK(vector.size() == parameters.size(), "a state vector of another length");
    }
    const Rule rule(hyperparameters_, job, LearningRate(job));
    Loop(rule, static_cast<float>(scale), gradient.data(), parameters.data(), parameters.size(),
         state, std::make_index_sequence<Rule::kStateNames.size()>());
  }

 private:
  template <size_t... K>
  static void Loop(const Rule& rule, float scale, const float* gradient, float* parameters,
                   size_t length, [[maybe_unused]] std::span<const std::span<float>> state,
                   std::index_sequence<K...>) {
    const std::array<float*, sizeof...(K)> vectors = {state[K].data()...};
    // The vectors never overlap: each is a separate allocation or a separate slice of one.
#if defined(__clang__)
#pragma clang loop vectorize(assume_safety)
#else
#pragma GCC ivdep
#endif
    for (size_t i = 0; i < length; ++i) {
      rule(gradient[i] * scale, parameters[i], vectors[K][i]...);
    }
  }

  Hyperparameters hyperparameters_;
  LearningRateSchedule schedule_;
  std::vector<std::string> state_names_;
};

// Moments of a parameter that went quiet decay towards zero for ever; as subnormal numbers they
// would make every later step several times slower and change nothing.
inline float FlushSubnormal(float x) {
  return std::abs(x) < std::numeric_limits<float>::min() ? 0.0F : x;
}

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_OPTIMISERS_UPDATE_RULE_H_
