// diffGrad (Dubey et al. 2020, arXiv 1909.11015): Adam whose step is damped where the gradient
// changes little. As in the authors' published code, not as in PyTorch's Adam: epsilon is added
// before the bias correction of the second moment. With t = job + 1, d_0 = 0:
//   d = g + weight_decay p;  xi = 1 / (1 + exp(-|d_{t-1} - d_t|));  m, v as in Adam
//   p -= lr sqrt(1 - beta2^t) / (1 - beta1^t)  xi m / (sqrt v + eps)
#include <algorithm>
#include <bit>

#include "models/optimisers/optimiser_kind.h"
#include "models/optimisers/update_rule.h"

namespace gradloom {
namespace {

// exp(-a) for a >= 0, within 2 units in the last place of 1. Not std::exp, which neither vectorises
// nor promises the same bits from one C library to the next.
inline float ExpOfMinus(float a) {
  constexpr float kLog2E = 1.44269504F;
  // ln 2 in two parts, the first with few enough bits that n * kLn2High is exact (Cody, Waite).
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const float x = -(a < 87.0F ? a : 87.0F);
  const float shifted = x * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;  // |r| <= ln 2 / 2
  float p = 1.0F / 720;
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  // The integer n sits in the low bits of `shifted`; moved to the exponent it is 2^n.
  const uint32_t exponent = (std::bit_cast<uint32_t>(shifted) + 127U) << 23U;
  return p * std::bit_cast<float>(exponent);
}

struct DiffGradRule {
  static constexpr std::array<const char*, 3> kStateNames = {"first_moment", "second_moment",
                                                             "previous_gradient"};

  DiffGradRule(const v1::OptimizerSpec& h, int64_t job, double learning_rate)
      : step(static_cast<float>(learning_rate *
                                std::sqrt(1 - std::pow(h.beta2(), static_cast<double>(job + 1))) /
                                (1 - std::pow(h.beta1(), static_cast<double>(job + 1))))),
        beta1(static_cast<float>(h.beta1())),
        new1(static_cast<float>(1 - h.beta1())),
        beta2(static_cast<float>(h.beta2())),
        new2(static_cast<float>(1 - h.beta2())),
        epsilon(static_cast<float>(h.epsilon())),
        decay(static_cast<float>(h.weight_decay())) {}

  void operator()(float gradient, float& parameter, float& first, float& second,
                  float& previous) const {
    const float direction = gradient + decay * parameter;
    const float friction = 1.0F / (1.0F + ExpOfMinus(std::abs(previous - direction)));
    previous = direction;
    const float m = FlushSubnormal(beta1 * first + new1 * direction);
    const float v = FlushSubnormal(beta2 * second + new2 * (direction * direction));
    first = m;
    second = v;
    parameter -= step * friction * m / (std::sqrt(v) + epsilon);
  }

  float step;
  float beta1;
  float new1;
  float beta2;
  float new2;
  float epsilon;
  float decay;
};

constexpr NumberField kNumbers[] = {
    {"beta1", kDecayRange, 0.9}, {"beta2", kDecayRange, 0.999}, {"epsilon", kEpsilonRange, 1e-8}};

}  // namespace

extern const OptimiserKind kDiffGrad = {
    .kind = v1::OptimizerSpec::DIFFGRAD, .numbers = kNumbers, .make = MakeRule<DiffGradRule>};

}  // namespace gradloom
