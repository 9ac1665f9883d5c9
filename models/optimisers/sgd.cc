// Stochastic gradient descent, plain, with Polyak's heavy ball, and with Nesterov's look-ahead.
// PyTorch's conventions (torch.optim.SGD, dampening 0): the velocity accumulates gradients, not
// steps, so a new learning rate acts at once on the whole velocity:
//   d = g + weight_decay p;  u <- momentum u + d
//   sgd: p -= lr d      momentum: p -= lr u      nesterov: p -= lr (d + momentum u)
#include "models/optimisers/optimiser_kind.h"
#include "models/optimisers/update_rule.h"

namespace gradloom {
namespace {

struct SgdRule {
  static constexpr std::array<const char*, 0> kStateNames = {};

  SgdRule(const v1::OptimizerSpec& h, int64_t /*job*/, double learning_rate)
      : rate(static_cast<float>(learning_rate)), decay(static_cast<float>(h.weight_decay())) {}

  void operator()(float gradient, float& parameter) const {
    parameter -= rate * (gradient + decay * parameter);
  }

  float rate;
  float decay;
};

template <bool kNesterov>
struct MomentumRule {
  static constexpr std::array<const char*, 1> kStateNames = {"velocity"};

  MomentumRule(const v1::OptimizerSpec& h, int64_t /*job*/, double learning_rate)
      : rate(static_cast<float>(learning_rate)),
        momentum(static_cast<float>(h.momentum())),
        decay(static_cast<float>(h.weight_decay())) {}

  void operator()(float gradient, float& parameter, float& velocity) const {
    const float direction = gradient + decay * parameter;
    const float u = FlushSubnormal(momentum * velocity + direction);
    velocity = u;
    parameter -= rate * (kNesterov ? direction + momentum * u : u);
  }

  float rate;
  float momentum;
  float decay;
};

constexpr double kLearningRate = 1e-2;
constexpr NumberField kOfMomentum[] = {{"momentum", kDecayRange, 0.9}};

}  // namespace

extern const OptimiserKind kSgd = {
    .kind = v1::OptimizerSpec::SGD, .learning_rate = kLearningRate, .make = MakeRule<SgdRule>};
extern const OptimiserKind kMomentum = {.kind = v1::OptimizerSpec::MOMENTUM,
                                        .learning_rate = kLearningRate,
                                        .numbers = kOfMomentum,
                                        .make = MakeRule<MomentumRule<false>>};
extern const OptimiserKind kNesterov = {.kind = v1::OptimizerSpec::NESTEROV,
                                        .learning_rate = kLearningRate,
                                        .numbers = kOfMomentum,
                                        .make = MakeRule<MomentumRule<true>>};

}  // namespace gradloom
