// What every element-wise optimiser shares: the checks on spans, and the loop over elements.
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
#include <memory>
#include <span>
#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "gradloom/v1/run.pb.h"
#include "models/optimisers/learning_rate_schedule.h"
#include "models/optimisers/scheduled_optimiser.h"

namespace gradloom {

// Rule has
//   static constexpr std::array<const char*, S> kStateNames;
//   Rule(const v1::OptimizerSpec&, int64_t job, double learning_rate);
//   void operator()(float gradient, float& parameter, float& state_0, ... S of them) const;
// where the spec has its defaults and `gradient` is the mean gradient, already scaled.
template <typename Rule>
class RuleOptimiser final : public ScheduledOptimiser {
 public:
  RuleOptimiser(const v1::OptimizerSpec& spec, const LearningRateSchedule& schedule)
      : ScheduledOptimiser(spec, schedule, {Rule::kStateNames.begin(), Rule::kStateNames.end()}) {}

  void Update(int64_t job, double scale, std::span<const float> gradient,
              std::span<float> parameters, std::span<const std::span<float>> state) const override {
    ABSL_RAW_CHECK(gradient.size() == parameters.size(), "a gradient of another length");
    ABSL_RAW_CHECK(state.size() == Rule::kStateNames.size(), "a wrong number of state vectors");
    for (const std::span<float>& vector : state) {
      ABSL_RAW_CHECK(vector.size() == parameters.size(), "a state vector of another length");
    }
    const Rule rule(spec(), job, LearningRate(job));
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
};

template <typename Rule>
std::unique_ptr<Optimiser> MakeRule(const v1::OptimizerSpec& spec,
                                    const LearningRateSchedule& schedule) {
  return std::make_unique<RuleOptimiser<Rule>>(spec, schedule);
}

// Moments of a parameter that went quiet decay towards zero for ever; as subnormal numbers they
// would make every later step several times slower and change nothing.
inline float FlushSubnormal(float x) {
  return std::abs(x) < std::numeric_limits<float>::min() ? 0.0F : x;
}

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_OPTIMISERS_UPDATE_RULE_H_
