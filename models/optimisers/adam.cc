// Adam (Kingma, Ba 2015), AdamW (Loshchilov, Hutter 2019) and AMSGrad (Reddi, Kale, Kumar 2018), in
// PyTorch's conventions. With t = job + 1 and d = g + weight_decay p (adamw: d = g):
//   m <- beta1 m + (1 - beta1) d;  v <- beta2 v + (1 - beta2) d^2;  w <- max(w, v)
//   p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
// amsgrad has w, the largest second moment before correction, in place of v; adamw first shrinks
// p <- p - lr weight_decay p.
#include "models/optimisers/optimiser_kind.h"
#include "models/optimisers/update_rule.h"

namespace gradloom {
namespace {

struct AdamBase {
  AdamBase(const v1::OptimizerSpec& h, int64_t job, double learning_rate)
      : step(static_cast<float>(learning_rate /
                                (1 - std::pow(h.beta1(), static_cast<double>(job + 1))))),
        correction(static_cast<float>(
            1 / std::sqrt(1 - std::pow(h.beta2(), static_cast<double>(job + 1))))),
        beta1(static_cast<float>(h.beta1())),
        new1(static_cast<float>(1 - h.beta1())),
        beta2(static_cast<float>(h.beta2())),
        new2(static_cast<float>(1 - h.beta2())),
        epsilon(static_cast<float>(h.epsilon())),
        decay(static_cast<float>(h.weight_decay())) {}

  // Moves the moments.
  void Moments(float direction, float& first, float& second) const {
    first = FlushSubnormal(beta1 * first + new1 * direction);
    second = FlushSubnormal(beta2 * second + new2 * (direction * direction));
  }
  float Step(float first, float second) const {
    return step * first / (std::sqrt(second) * correction + epsilon);
  }

  float step;
  float correction;
  float beta1;
  float new1;
  float beta2;
  float new2;
  float epsilon;
  float decay;
};

struct AdamRule : AdamBase {
  static constexpr std::array<const char*, 2> kStateNames = {"first_moment", "second_moment"};
  using AdamBase::AdamBase;

  void operator()(float gradient, float& parameter, float& first, float& second) const {
    Moments(gradient + decay * parameter, first, second);
    parameter -= Step(first, second);
  }
};

struct AdamWRule : AdamBase {
  static constexpr std::array<const char*, 2> kStateNames = {"first_moment", "second_moment"};

  AdamWRule(const v1::OptimizerSpec& h, int64_t job, double learning_rate)
      : AdamBase(h, job, learning_rate),
        shrink(static_cast<float>(1 - learning_rate * h.weight_decay())) {}

  void operator()(float gradient, float& parameter, float& first, float& second) const {
    Moments(gradient, first, second);
    parameter = parameter * shrink - Step(first, second);
  }

  float shrink;
};

struct AmsGradRule : AdamBase {
  static constexpr std::array<const char*, 3> kStateNames = {"first_moment", "second_moment",
                                                             "largest_second_moment"};
  using AdamBase::AdamBase;

  void operator()(float gradient, float& parameter, float& first, float& second,
                  float& largest) const {
    Moments(gradient + decay * parameter, first, second);
    const float v = second > largest ? second : largest;
    largest = v;
    parameter -= Step(first, v);
  }
};

constexpr NumberField kNumbers[] = {
    {"beta1", kDecayRange, 0.9}, {"beta2", kDecayRange, 0.999}, {"epsilon", kEpsilonRange, 1e-8}};

}  // namespace

extern const OptimiserKind kAdam = {
    .kind = v1::OptimizerSpec::ADAM, .numbers = kNumbers, .make = MakeRule<AdamRule>};
extern const OptimiserKind kAdamW = {.kind = v1::OptimizerSpec::ADAMW,
                                     .weight_decay = 0.01,
                                     .numbers = kNumbers,
                                     .make = MakeRule<AdamWRule>};
extern const OptimiserKind kAmsGrad = {
    .kind = v1::OptimizerSpec::AMSGRAD, .numbers = kNumbers, .make = MakeRule<AmsGradRule>};

}  // namespace gradloom
