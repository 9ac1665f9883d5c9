#include "models/optimisers/optimiser.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;
using Spec = v1::OptimizerSpec;

constexpr Spec::Kind kKinds[] = {Spec::SGD,     Spec::MOMENTUM, Spec::NESTEROV,
                                 Spec::ADAGRAD, Spec::RMSPROP,  Spec::ADAM,
                                 Spec::ADAMW,   Spec::AMSGRAD,  Spec::DIFFGRAD};

std::unique_ptr<Optimiser> Make(const Spec& spec, int64_t jobs = 1000) {
  absl::StatusOr<std::unique_ptr<Optimiser>> optimiser = MakeOptimiser(spec, jobs);
  EXPECT_TRUE(optimiser.ok()) << optimiser.status();
  return *std::move(optimiser);
}

// Parameters and zeroed state, with one call per block of the given length.
struct Trained {
  Trained(const Optimiser& optimiser, std::vector<float> start)
      : parameters(std::move(start)),
        state(optimiser.state_names().size(), std::vector<float>(parameters.size())) {}

  void Step(const Optimiser& optimiser, int64_t job, double scale,
            const std::vector<float>& gradient, size_t block) {
    for (size_t from = 0; from < parameters.size(); from += block) {
      const size_t length = std::min(block, parameters.size() - from);
      std::vector<std::span<float>> slices;
      for (std::vector<float>& vector : state) {
        slices.push_back(std::span(vector).subspan(from, length));
      }
      optimiser.Update(job, scale, std::span(gradient).subspan(from, length),
                       std::span(parameters).subspan(from, length), slices);
    }
  }

  std::vector<float> parameters;
  std::vector<std::vector<float>> state;
};

// One parameter in double, straight from the published update rules.
class Oracle {
 public:
  Oracle(const Spec& spec, double start) : x(start), spec_(spec) {}

  void Step(int64_t job, double g) {
    const double lr = spec_.learning_rate();
    const double b1 = spec_.has_beta1() ? spec_.beta1() : 0.9;
    const double b2 = spec_.has_beta2()               ? spec_.beta2()
                      : spec_.kind() == Spec::RMSPROP ? 0.99
                                                      : 0.999;
    const double mu = spec_.has_momentum() ? spec_.momentum() : 0.9;
    const double eps = spec_.has_epsilon() ? spec_.epsilon() : 1e-8;
    const double wd = spec_.weight_decay();
    const auto t = static_cast<double>(job + 1);
    if (spec_.kind() == Spec::ADAMW) {
      x -= lr * wd * x;
    } else {
      g += wd * x;
    }
    m_ = b1 * m_ + (1 - b1) * g;
    v_ = b2 * v_ + (1 - b2) * g * g;
    sum_ += g * g;
    velocity_ = mu * velocity_ + g;
    largest_ = std::max(largest_, v_);
    const double m_hat = m_ / (1 - std::pow(b1, t));
    const double v_hat = v_ / (1 - std::pow(b2, t));
    switch (spec_.kind()) {
      case Spec::SGD:
        x -= lr * g;
        break;
      case Spec::MOMENTUM:
        x -= lr * velocity_;
        break;
      case Spec::NESTEROV:
        x -= lr * (g + mu * velocity_);
        break;
      case Spec::ADAGRAD:
        x -= lr * g / (std::sqrt(sum_) + eps);
        break;
      case Spec::RMSPROP:
        x -= lr * g / (std::sqrt(v_) + eps);
        break;
      case Spec::AMSGRAD:
        x -= lr * m_hat / (std::sqrt(largest_ / (1 - std::pow(b2, t))) + eps);
        break;
      case Spec::DIFFGRAD: {
        const double xi = 1 / (1 + std::exp(-std::abs(previous_ - g)));
        x -= lr * std::sqrt(1 - std::pow(b2, t)) / (1 - std::pow(b1, t)) * xi * m_ /
             (std::sqrt(v_) + eps);
        break;
      }
      default:
        x -= lr * m_hat / (std::sqrt(v_hat) + eps);
    }
    previous_ = g;
  }

  double x;

 private:
  Spec spec_;
  double m_ = 0, v_ = 0, sum_ = 0, velocity_ = 0, largest_ = 0, previous_ = 0;
};

class EveryOptimiser : public ::testing::TestWithParam<Spec::Kind> {};

INSTANTIATE_TEST_SUITE_P(Kinds, EveryOptimiser, ::testing::ValuesIn(kKinds),
                         [](const auto& info) { return Spec::Kind_Name(info.param); });

// f(x) = sum a_i x_i^2 / 2, gradients handed over as a sum over 600 examples.
TEST_P(EveryOptimiser, FollowsADoublePrecisionOracleOnAQuadratic) {
  for (const double weight_decay : {0.0, 0.1}) {
    Spec spec;
    spec.set_kind(GetParam());
    spec.set_learning_rate(0.02);
    spec.set_weight_decay(weight_decay);
    if (GetParam() == Spec::MOMENTUM || GetParam() == Spec::NESTEROV) spec.set_momentum(0.8);
    if (GetParam() >= Spec::ADAM) {
      spec.set_beta1(0.85);
      spec.set_beta2(0.95);
    }
    const auto optimiser = Make(spec);
    std::mt19937 random(7);
    std::uniform_real_distribution<double> uniform(0.5, 3);
    std::vector<double> curvature;
    std::vector<Oracle> oracle;
    std::vector<float> start;
    for (int i = 0; i < 37; ++i) {
      curvature.push_back(uniform(random));
      start.push_back(static_cast<float>(i % 2 ? uniform(random) : -uniform(random)));
      oracle.emplace_back(spec, start.back());
    }
    Trained trained(*optimiser, start);
    for (int64_t job = 0; job < 50; ++job) {
      std::vector<float> gradient;
      for (size_t i = 0; i < start.size(); ++i) {
        // Both see the gradient at the oracle's point, so that errors do not feed back.
        const auto g = static_cast<float>(600 * curvature[i] * oracle[i].x);
        gradient.push_back(g);
        oracle[i].Step(job, static_cast<double>(g) / 600);
      }
      trained.Step(*optimiser, job, 1.0 / 600, gradient, start.size());
      for (size_t i = 0; i < start.size(); ++i) {
        ASSERT_NEAR(trained.parameters[i], oracle[i].x, 4e-6) << "job " << job << " element " << i;
      }
    }
    // The walk was long enough to tell the rules apart.
    EXPECT_GT(std::abs(trained.parameters[0] - start[0]), 0.05);
  }
}

TEST_P(EveryOptimiser, AnySplitIntoBlocksGivesTheSameBits) {
  Spec spec;
  spec.set_kind(GetParam());
  spec.set_weight_decay(0.01);
  const auto optimiser = Make(spec);
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  const size_t length = 1003;
  std::vector<float> start(length);
  for (float& value : start) value = normal(random);
  std::vector<Trained> trained(6, Trained(*optimiser, start));
  const size_t blocks[] = {length, 1, 3, 64, 257, 1000};
  for (int64_t job = 0; job < 5; ++job) {
    std::vector<float> gradient(length);
    for (float& value : gradient) value = std::exp(8 * normal(random)) * normal(random);
    for (size_t k = 0; k < trained.size(); ++k) {
      trained[k].Step(*optimiser, job, 0.125, gradient, blocks[k]);
    }
  }
  const auto bits = [](const std::vector<float>& values) {
    std::vector<uint32_t> out;
    for (float value : values) out.push_back(std::bit_cast<uint32_t>(value));
    return out;
  };
  for (size_t k = 1; k < trained.size(); ++k) {
    EXPECT_EQ(bits(trained[k].parameters), bits(trained[0].parameters)) << blocks[k];
    for (size_t s = 0; s < trained[k].state.size(); ++s) {
      EXPECT_EQ(bits(trained[k].state[s]), bits(trained[0].state[s])) << blocks[k];
    }
  }
  EXPECT_NE(bits(trained[0].parameters), bits(start));
}

TEST_P(EveryOptimiser, LeavesAParameterWithoutGradientAlone) {
  Spec spec;
  spec.set_kind(GetParam());
  spec.set_weight_decay(0);
  const auto optimiser = Make(spec);
  Trained trained(*optimiser, {1.5F, -2.0F, 0.0F});
  for (int64_t job = 0; job < 3; ++job) trained.Step(*optimiser, job, 1, {0, 0, 0}, 3);
  EXPECT_THAT(trained.parameters, ::testing::ElementsAre(1.5F, -2.0F, 0.0F));
}

TEST_P(EveryOptimiser, StateNeverBecomesSubnormal) {
  Spec spec;
  spec.set_kind(GetParam());
  const auto optimiser = Make(spec, 100000);
  Trained trained(*optimiser, {1.0F});
  trained.Step(*optimiser, 0, 1, {1e-10F}, 1);
  for (int64_t job = 1; job < 3000; ++job) {
    trained.Step(*optimiser, job, 1, {0.0F}, 1);
    for (const std::vector<float>& vector : trained.state) {
      ASSERT_NE(std::fpclassify(vector[0]), FP_SUBNORMAL) << "job " << job;
    }
  }
}

TEST_P(EveryOptimiser, PassesANotANumberOn) {
  Spec spec;
  spec.set_kind(GetParam());
  const auto optimiser = Make(spec);
  Trained trained(*optimiser, {1.0F, 1.0F});
  trained.Step(*optimiser, 0, 1, {std::numeric_limits<float>::quiet_NaN(), 1.0F}, 2);
  EXPECT_TRUE(std::isnan(trained.parameters[0]));
  EXPECT_TRUE(std::isfinite(trained.parameters[1]));
}

// The published algorithm in double on f = sum a_i x_i^2 / 2, a = (1, 10, 0.1), lr 0.1.
TEST(DiffGradTest, MeetsTheGoldenValues) {
  Spec spec;
  spec.set_kind(Spec::DIFFGRAD);
  spec.set_learning_rate(0.1);
  const auto optimiser = Make(spec);
  Trained trained(*optimiser, {1, -2, 3});
  const double a[] = {1, 10, 0.1};
  const auto expect = [&](const std::vector<double>& golden, double relative) {
    for (int i = 0; i < 3; ++i) {
      EXPECT_NEAR(trained.parameters[i], golden[i], relative * std::abs(golden[i])) << i;
    }
  };
  for (int64_t job = 0; job < 100; ++job) {
    std::vector<float> gradient;
    for (int i = 0; i < 3; ++i) {
      gradient.push_back(static_cast<float>(a[i] * trained.parameters[i]));
    }
    trained.Step(*optimiser, job, 1, gradient, 3);
    if (job == 0) expect({.926894165255, -1.900000001787, 2.942555808870}, 1e-6);
    if (job == 1) expect({.875207040326, -1.827015855843, 2.892439847042}, 1e-6);
  }
  // Parameters that started at 1 to 3 carry float's rounding of that size to the end.
  const double golden[] = {-.002770949232, -.007380613569, .053827455683};
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(trained.parameters[i], golden[i], 1e-6) << i;
}

TEST(OptimiserTest, TableOfStateNames) {
  const auto names = [](Spec::Kind kind) {
    Spec spec;
    spec.set_kind(kind);
    return Make(spec)->state_names();
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(names(Spec::SGD), ElementsAre());
  EXPECT_THAT(names(Spec::MOMENTUM), ElementsAre("velocity"));
  EXPECT_THAT(names(Spec::ADAM), ElementsAre("first_moment", "second_moment"));
  EXPECT_THAT(names(Spec::AMSGRAD),
              ElementsAre("first_moment", "second_moment", "largest_second_moment"));
  EXPECT_THAT(names(Spec::DIFFGRAD),
              ElementsAre("first_moment", "second_moment", "previous_gradient"));
}

TEST(OptimiserTest, DefaultsAreThoseOfTheSpecification) {
  const auto rate = [](Spec::Kind kind) {
    Spec spec;
    spec.set_kind(kind);
    return Make(spec)->LearningRate(5);
  };
  EXPECT_EQ(rate(Spec::KIND_UNSPECIFIED), 1e-3);
  EXPECT_EQ(rate(Spec::SGD), 1e-2);
  EXPECT_EQ(rate(Spec::MOMENTUM), 1e-2);
  EXPECT_EQ(rate(Spec::NESTEROV), 1e-2);
  EXPECT_EQ(rate(Spec::ADAGRAD), 1e-2);
  EXPECT_EQ(rate(Spec::RMSPROP), 1e-3);
  EXPECT_EQ(rate(Spec::DIFFGRAD), 1e-3);
  // KIND_UNSPECIFIED is adam.
  EXPECT_EQ(Make(Spec())->state_names().size(), 2);
  // adamw decays by default: lr * 0.01 of the parameter, before a step of about lr.
  Spec adamw;
  adamw.set_kind(Spec::ADAMW);
  const auto optimiser = Make(adamw);
  Trained trained(*optimiser, {100.0F});
  trained.Step(*optimiser, 0, 1, {0.0F}, 1);
  EXPECT_FLOAT_EQ(trained.parameters[0], 100.0F * (1 - 1e-3F * 0.01F));
}

TEST(OptimiserTest, ScheduleActsOnTheUpdateAndClipNormIsHandedOver) {
  Spec spec;
  spec.set_kind(Spec::SGD);
  spec.set_learning_rate(0.5);
  spec.set_clip_norm(2.5);
  spec.mutable_schedule()->set_kind(v1::ScheduleSpec::STEP);
  spec.mutable_schedule()->set_every(2);
  spec.mutable_schedule()->set_gamma(0.5);
  const auto optimiser = Make(spec);
  EXPECT_EQ(optimiser->clip_norm(), 2.5);
  EXPECT_EQ(optimiser->LearningRate(1), 0.5);
  EXPECT_EQ(optimiser->LearningRate(2), 0.25);
  Trained trained(*optimiser, {1.0F});
  trained.Step(*optimiser, 2, 0.5, {1.0F}, 1);
  EXPECT_EQ(trained.parameters[0], 1.0F - 0.25F * 0.5F);
  EXPECT_EQ(Make(Spec())->clip_norm(), 0);
}

std::string Error(const Spec& spec, int64_t jobs = 10) {
  const absl::StatusOr<std::unique_ptr<Optimiser>> optimiser = MakeOptimiser(spec, jobs);
  EXPECT_EQ(optimiser.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(optimiser.status().message());
}

TEST(OptimiserTest, ErrorsNameFieldValueAndLegalRange) {
  Spec spec;
  spec.set_learning_rate(-0.5);
  EXPECT_EQ(
      Error(spec),
      "optimizer.learning_rate: -0.5 is not legal; it must be more than 0 and at most 1000000");
  spec.set_learning_rate(0);
  EXPECT_THAT(Error(spec), HasSubstr("optimizer.learning_rate: 0 is not legal;"));
  spec.set_learning_rate(std::nan(""));
  EXPECT_THAT(Error(spec), HasSubstr("optimizer.learning_rate: nan is not legal;"));
  spec.set_learning_rate(0.1);
  spec.set_beta1(1);
  EXPECT_EQ(Error(spec), "optimizer.beta1: 1 is not legal; it must be 0 or more and less than 1");
  spec.set_beta1(0.5);
  spec.set_beta2(-0.1);
  EXPECT_THAT(Error(spec), HasSubstr("optimizer.beta2: -0.1 is not legal; it must be 0 or more"));
  spec.set_beta2(0.5);
  spec.set_epsilon(0);
  EXPECT_THAT(Error(spec),
              HasSubstr("optimizer.epsilon: 0 is not legal; it must be from 1e-30 to 1"));
  spec.set_epsilon(1e-8);
  spec.set_weight_decay(-1);
  EXPECT_THAT(Error(spec), HasSubstr("optimizer.weight_decay: -1 is not legal; it must be from 0"));
  spec.set_weight_decay(0);
  spec.set_clip_norm(std::numeric_limits<double>::infinity());
  EXPECT_THAT(Error(spec), HasSubstr("optimizer.clip_norm: inf is not legal; it must be from 0"));
  spec.set_clip_norm(1);
  EXPECT_TRUE(MakeOptimiser(spec, 10).ok());
  EXPECT_THAT(Error(spec, 0), HasSubstr("number of jobs: 0 is not legal; it must be 1 or more"));
}

TEST(OptimiserTest, AFieldTheKindDoesNotUseIsAnError) {
  Spec spec;
  spec.set_kind(Spec::ADAM);
  spec.set_momentum(0.9);
  EXPECT_EQ(
      Error(spec),
      "optimizer.momentum: 0.9 is given, but adam does not use it, only momentum, nesterov; adam "
      "uses: learning_rate, weight_decay, clip_norm, schedule, beta1, beta2, epsilon");
  spec.Clear();
  spec.set_kind(Spec::MOMENTUM);
  spec.set_beta2(0.99);
  EXPECT_THAT(Error(spec), HasSubstr("optimizer.beta2: 0.99 is given, but momentum does not use "
                                     "it, only rmsprop, adam, adamw, amsgrad, diffgrad; momentum "
                                     "uses: learning_rate, weight_decay, clip_norm, schedule, "
                                     "momentum"));
}

TEST(OptimiserTest, AnUnknownKindListsTheKnownOnes) {
  Spec spec;
  spec.set_kind(static_cast<Spec::Kind>(77));
  EXPECT_EQ(Error(spec),
            "optimizer.kind: 77 is not legal; it must be one of: sgd, momentum, nesterov, adagrad, "
            "rmsprop, adam, adamw, amsgrad, diffgrad");
}

}  // namespace
}  // namespace gradloom
