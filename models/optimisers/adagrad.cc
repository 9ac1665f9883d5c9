// AdaGrad (Duchi, Hazan, Singer 2011, diagonal form) and RMSProp (Tieleman, Hinton 2012), in
// PyTorch's conventions: epsilon stands outside the root, weight decay is added to the gradient.
//   d = g + weight_decay p
//   adagrad: v <- v + d^2      rmsprop: v <- beta2 v + (1 - beta2) d^2      p -= lr d / (sqrt v +
//   eps)
#include "models/optimisers/optimiser_kind.h"
#include "models/optimisers/update_rule.h"

namespace gradloom {
namespace {

struct SecondMomentRule {
  SecondMomentRule(double keep, double add, const v1::OptimizerSpec& h, double learning_rate)
      : rate(static_cast<float>(learning_rate)),
        keep(static_cast<float>(keep)),
        add(static_cast<float>(add)),
        epsilon(static_cast<float>(h.epsilon())),
        decay(static_cast<float>(h.weight_decay())) {}

  void operator()(float gradient, float& parameter, float& second_moment) const {
    const float direction = gradient + decay * parameter;
    const float v = FlushSubnormal(keep * second_moment + add * (direction * direction));
    second_moment = v;
    parameter -= rate * direction / (std::sqrt(v) + epsilon);
  }

  float rate;
  float keep;
  float add;
  float epsilon;
  float decay;
};

struct AdaGradRule : SecondMomentRule {
  static constexpr std::array<const char*, 1> kStateNames = {"sum_of_squares"};
  AdaGradRule(const v1::OptimizerSpec& h, int64_t /*job*/, double learning_rate)
      : SecondMomentRule(1, 1, h, learning_rate) {}
};

struct RmsPropRule : SecondMomentRule {
  static constexpr std::array<const char*, 1> kStateNames = {"second_moment"};
  RmsPropRule(const v1::OptimizerSpec& h, int64_t /*job*/, double learning_rate)
      : SecondMomentRule(h.beta2(), 1 - h.beta2(), h, learning_rate) {}
};

constexpr NumberField kOfAdaGrad[] = {{"epsilon", kEpsilonRange, 1e-8}};
constexpr NumberField kOfRmsProp[] = {{"beta2", kDecayRange, 0.99},
                                      {"epsilon", kEpsilonRange, 1e-8}};

}  // namespace

extern const OptimiserKind kAdaGrad = {.kind = v1::OptimizerSpec::ADAGRAD,
                                       .learning_rate = 1e-2,
                                       .numbers = kOfAdaGrad,
                                       .make = MakeRule<AdaGradRule>};
extern const OptimiserKind kRmsProp = {
    .kind = v1::OptimizerSpec::RMSPROP, .numbers = kOfRmsProp, .make = MakeRule<RmsPropRule>};

}  // namespace gradloom
