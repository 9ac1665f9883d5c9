// Gradients of every layer on its own against central differences, and what is special about each.
#include "models/layers/layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <ostream>

#include "models/layers/activation.h"
#include "models/layers/network.h"

namespace gradloom {
namespace {

std::vector<float> Random(int64_t count, uint64_t seed) {
  RandomStream stream(seed, Purpose::kGeneratedData);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(stream.NextNormal());
  return values;
}

int64_t ParametersOf(const Layer& layer) {
  int64_t count = 0;
  for (const LayerParameter& parameter : layer.parameters()) count += parameter.size();
  return count;
}

// A layer with its buffers.
class Bench {
 public:
  Bench(std::unique_ptr<Layer> layer, int64_t rows)
      : layer_(std::move(layer)), rows_(rows), ids_(rows) {
    std::iota(ids_.begin(), ids_.end(), 70);
  }

  std::vector<float> Forward(const std::vector<float>& parameters, const std::vector<float>& x) {
    std::vector<float> y(rows_ * layer_->output().size(), NAN);
    saved_.assign(layer_->saved(rows_), NAN);
    layer_->Forward(MakePass(), parameters.data(), x.data(), y.data(), saved_.data());
    return y;
  }

  // Of sum(weights * y): gradient at x, and at the parameters.
  std::pair<std::vector<float>, std::vector<float>> Backward(const std::vector<float>& parameters,
                                                             const std::vector<float>& x,
                                                             const std::vector<float>& weights) {
    const std::vector<float> y = Forward(parameters, x);
    std::vector<float> dx(x.size(), NAN), gradient(parameters.size());
    layer_->Backward(MakePass(), parameters.data(), x.data(), y.data(), saved_.data(),
                     weights.data(), dx.data(), gradient.data());
    return {dx, gradient};
  }

  // How y moves along (tp, tx); tx may be empty: x does not move.
  std::vector<float> ForwardTangent(const std::vector<float>& parameters,
                                    const std::vector<float>& x, const std::vector<float>& tp,
                                    const std::vector<float>& tx) {
    const std::vector<float> y = Forward(parameters, x);
    std::vector<float> ty(y.size(), NAN);
    layer_->ForwardTangent(MakePass(), {parameters.data(), x.data(), y.data(), saved_.data()},
                           {tp.data(), tx.empty() ? nullptr : tx.data()}, ty.data());
    return ty;
  }

  // How the gradients of sum(weights * y) move, as the weights move along tw.
  std::pair<std::vector<float>, std::vector<float>> BackwardTangent(
      const std::vector<float>& parameters, const std::vector<float>& x,
      const std::vector<float>& tp, const std::vector<float>& tx, const std::vector<float>& weights,
      const std::vector<float>& tw) {
    const std::vector<float> y = Forward(parameters, x);
    std::vector<float> tdx(x.size(), NAN), product(parameters.size());
    const LayerPoint at = {parameters.data(), x.data(), y.data(), saved_.data()};
    const LayerDirection along = {tp.data(), tx.empty() ? nullptr : tx.data()};
    layer_->BackwardTangent(MakePass(), at, along, weights.data(), tw.data(), tdx.data(),
                            product.data());
    // Each by itself, and added to what is there.
    std::vector<float> only_tdx(x.size(), NAN), twice = product;
    layer_->BackwardTangent(MakePass(), at, along, weights.data(), tw.data(), only_tdx.data(),
                            nullptr);
    layer_->BackwardTangent(MakePass(), at, along, weights.data(), tw.data(), nullptr,
                            twice.data());
    EXPECT_EQ(tdx, only_tdx);
    for (size_t i = 0; i < twice.size(); ++i) {
      EXPECT_NEAR(twice[i], 2 * product[i], 1e-4 * (1 + std::abs(product[i])));
    }
    return {tdx, product};
  }

  const Layer& layer() const { return *layer_; }
  bool training = true;
  int64_t job = 4;

 private:
  Pass MakePass() {
    workspace_.Reset();
    return {&kernels(), &workspace_, rows_, training, 8, job, ids_};
  }

  std::unique_ptr<Layer> layer_;
  int64_t rows_;
  std::vector<int64_t> ids_;
  std::vector<float> saved_;
  Workspace workspace_;
};

struct LayerCase {
  const char* name;
  std::function<std::unique_ptr<Layer>()> make;
};

std::ostream& operator<<(std::ostream& out, const LayerCase& c) { return out << c.name; }

const Shape kImage{3, 5, 6};

const LayerCase kCases[] = {
    {"dense",
     [] {
       return MakeDense({7, 1, 1}, 4, 1);
     }},
    {"dense_one_unit",
     [] {
       return MakeDense({40, 1, 1}, 1, 1);
     }},
    {"dense_no_bias",
     [] {
       return MakeDense({7, 1, 1}, 3, 1, false);
     }},
    {"dense_flattens", [] { return MakeDense(kImage, 5, 1); }},
    {"residual_dense",
     [] {
       return MakeResidualDense({6, 1, 1}, 1);
     }},
    {"conv", [] { return MakeConvolution(kImage, 2, 3, 1, 0, 1); }},
    {"conv_same", [] { return MakeConvolution(kImage, 4, 3, 1, 1, 1); }},
    {"conv_stride", [] { return MakeConvolution(kImage, 2, 2, 3, 1, 1); }},
    {"conv_1x1", [] { return MakeConvolution(kImage, 5, 1, 1, 0, 1); }},
    {"conv_5x5",
     [] {
       return MakeConvolution({1, 9, 8}, 3, 5, 2, 2, 1);
     }},
    {"identity",
     [] {
       return MakeActivation({20, 1, 1}, ActivationKind::kIdentity);
     }},
    {"relu",
     [] {
       return MakeActivation({20, 1, 1}, ActivationKind::kRelu);
     }},
    {"tanh",
     [] {
       return MakeActivation({20, 1, 1}, ActivationKind::kTanh);
     }},
    {"gelu",
     [] {
       return MakeActivation({20, 1, 1}, ActivationKind::kGelu);
     }},
    {"sigmoid",
     [] {
       return MakeActivation({20, 1, 1}, ActivationKind::kSigmoid);
     }},
    {"max_pool", [] { return MakeMaxPool(kImage, 2, 2); }},
    {"max_pool_overlapping", [] { return MakeMaxPool(kImage, 3, 1); }},
    {"average_pool", [] { return MakeAveragePool(kImage, 2, 2); }},
    {"average_pool_overlapping", [] { return MakeAveragePool(kImage, 3, 2); }},
    {"dropout",
     [] {
       return MakeDropout({30, 1, 1}, 0.4, 2);
     }},
    {"batch_norm_images", [] { return MakeGhostBatchNorm(kImage, 3, 1e-3); }},
    {"batch_norm_features",
     [] {
       return MakeGhostBatchNorm({6, 1, 1}, 8, 1e-3);
     }},
};

class LayerGradient : public testing::TestWithParam<LayerCase> {};

TEST_P(LayerGradient, MatchesCentralDifferences) {
  const int64_t rows = 7;
  Bench bench(GetParam().make(), rows);
  std::vector<float> x = Random(rows * bench.layer().input().size(), 1);
  std::vector<float> parameters = Random(ParametersOf(bench.layer()), 2);
  const std::vector<float> weights = Random(rows * bench.layer().output().size(), 3);
  const auto loss = [&] {
    const std::vector<float> y = bench.Forward(parameters, x);
    double sum = 0;
    for (size_t i = 0; i < y.size(); ++i) sum += double{y[i]} * weights[i];
    return sum;
  };
  const auto [dx, gradient] = bench.Backward(parameters, x, weights);
  // h is large for float's sake, so that a step may cross a kink; then the slope lies between.
  const auto check = [&](std::vector<float>& values, const std::vector<float>& slopes) {
    const double here = loss();
    for (size_t i = 0; i < values.size(); ++i) {
      const float kept = values[i];
      const double h = 2e-3;
      values[i] = static_cast<float>(kept + h);
      const double right = (loss() - here) / (double{values[i]} - kept);
      values[i] = static_cast<float>(kept - h);
      const double left = (here - loss()) / (kept - double{values[i]});
      values[i] = kept;
      const double tolerance = 3e-3 * (1 + std::abs(slopes[i]));
      ASSERT_GE(slopes[i], std::min(left, right) - tolerance) << i;
      ASSERT_LE(slopes[i], std::max(left, right) + tolerance) << i;
      if (std::abs(right - left) < tolerance) {
        ASSERT_NEAR(slopes[i], (left + right) / 2, tolerance) << i;
      }
    }
  };
  check(x, dx);
  check(parameters, gradient);
}

TEST_P(LayerGradient, AddsToTheGradientThatIsThere) {
  const int64_t rows = 3;
  Bench bench(GetParam().make(), rows);
  const std::vector<float> x = Random(rows * bench.layer().input().size(), 1);
  const std::vector<float> parameters = Random(ParametersOf(bench.layer()), 2);
  const std::vector<float> weights = Random(rows * bench.layer().output().size(), 3);
  const auto gradient = bench.Backward(parameters, x, weights).second;
  std::vector<float> y = bench.Forward(parameters, x);
  std::vector<float> sum(gradient.size(), 1.0f);
  Workspace workspace;
  std::vector<float> saved(bench.layer().saved(rows));
  const std::vector<int64_t> ids = {70, 71, 72};
  const Pass pass{&kernels(), &workspace, rows, true, 8, 4, ids};
  bench.layer().Forward(pass, parameters.data(), x.data(), y.data(), saved.data());
  bench.layer().Backward(pass, parameters.data(), x.data(), y.data(), saved.data(), weights.data(),
                         nullptr, sum.data());  // dx not wanted
  for (size_t i = 0; i < sum.size(); ++i) {
    EXPECT_NEAR(sum[i], 1 + gradient[i], 1e-5 * (1 + std::abs(gradient[i])));
  }
}

TEST_P(LayerGradient, IsNotAskedForWhereNobodyWantsIt) {
  const int64_t rows = 3;
  Bench bench(GetParam().make(), rows);
  const std::vector<float> x = Random(rows * bench.layer().input().size(), 1);
  const std::vector<float> parameters = Random(ParametersOf(bench.layer()), 2);
  const std::vector<float> weights = Random(rows * bench.layer().output().size(), 3);
  const auto expected = bench.Backward(parameters, x, weights).first;
  std::vector<float> y = bench.Forward(parameters, x), dx(x.size(), NAN);
  Workspace workspace;
  std::vector<float> saved(bench.layer().saved(rows));
  const std::vector<int64_t> ids = {70, 71, 72};
  const Pass pass{&kernels(), &workspace, rows, true, 8, 4, ids};
  bench.layer().Forward(pass, parameters.data(), x.data(), y.data(), saved.data());
  bench.layer().Backward(pass, parameters.data(), x.data(), y.data(), saved.data(), weights.data(),
                         dx.data(), nullptr);
  EXPECT_EQ(dx, expected);
}

double Dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

std::vector<float> Moved(const std::vector<float>& from, const std::vector<float>& direction,
                         double step) {
  std::vector<float> moved = from;
  for (size_t i = 0; i < moved.size(); ++i) moved[i] += static_cast<float>(step * direction[i]);
  return moved;
}

// A layer somewhere, and directions in which everything moves.
class LayerTangent : public testing::TestWithParam<LayerCase> {
 protected:
  static constexpr int64_t kRows = 7;
  LayerTangent()
      : bench_(GetParam().make(), kRows),
        x_(Random(kRows * bench_.layer().input().size(), 1)),
        parameters_(Random(ParametersOf(bench_.layer()), 2)),
        weights_(Random(kRows * bench_.layer().output().size(), 3)) {}

  std::vector<float> AlongX(uint64_t seed) const { return Random(x_.size(), seed); }
  std::vector<float> AlongParameters(uint64_t seed) const {
    return Random(parameters_.size(), seed);
  }

  // `tangent` against central differences of `at(step)`. A step that crosses a kink is told by
  // slopes that differ from side to side, and must be rare.
  template <typename At>
  static void Check(const std::vector<float>& tangent, const At& at) {
    const double h = 2e-3;
    const std::vector<float> here = at(0), up = at(h), down = at(-h);
    double scale = 1;
    for (const float value : here) scale = std::max(scale, std::abs(double{value}));
    size_t kinks = 0;
    for (size_t i = 0; i < tangent.size(); ++i) {
      const double right = (double{up[i]} - here[i]) / h, left = (double{here[i]} - down[i]) / h;
      const double tolerance = 3e-3 * (scale + std::abs(tangent[i]));
      if (std::abs(right - left) > 4 * tolerance) {
        ++kinks;
        continue;
      }
      ASSERT_NEAR(tangent[i], (right + left) / 2, tolerance) << i << " of " << tangent.size();
    }
    EXPECT_LE(kinks, tangent.size() / 20);
  }

  Bench bench_;
  std::vector<float> x_, parameters_, weights_;
};

TEST_P(LayerTangent, OfForwardMatchesCentralDifferences) {
  const std::vector<float> tx = AlongX(4), tp = AlongParameters(5);
  Check(bench_.ForwardTangent(parameters_, x_, tp, tx), [&](double step) {
    return bench_.Forward(Moved(parameters_, tp, step), Moved(x_, tx, step));
  });
}

TEST_P(LayerTangent, OfBackwardMatchesCentralDifferences) {
  const std::vector<float> tx = AlongX(4), tp = AlongParameters(5), tw = Random(weights_.size(), 6);
  const auto [tdx, product] = bench_.BackwardTangent(parameters_, x_, tp, tx, weights_, tw);
  const auto at = [&](double step) {
    return bench_.Backward(Moved(parameters_, tp, step), Moved(x_, tx, step),
                           Moved(weights_, tw, step));
  };
  Check(tdx, [&](double step) { return at(step).first; });
  Check(product, [&](double step) { return at(step).second; });
}

// What differences cannot show, to rounding: the tangent is Backward's transpose.
TEST_P(LayerTangent, OfForwardIsTheTransposeOfBackward) {
  const auto [dx, gradient] = bench_.Backward(parameters_, x_, weights_);
  for (uint64_t seed = 10; seed < 20; ++seed) {
    const std::vector<float> tx = AlongX(seed), tp = AlongParameters(seed + 100);
    const std::vector<float> ty = bench_.ForwardTangent(parameters_, x_, tp, tx);
    const double scale =
        std::sqrt(Dot(dx, dx) * Dot(tx, tx)) + std::sqrt(Dot(gradient, gradient) * Dot(tp, tp));
    EXPECT_NEAR(Dot(weights_, ty), Dot(dx, tx) + Dot(gradient, tp), 2e-6 * scale);
  }
}

// Likewise: second derivatives are symmetric, and the slopes' own movement goes back as slopes do.
TEST_P(LayerTangent, OfBackwardIsSymmetricAndLinear) {
  const std::vector<float> still(weights_.size());
  const auto moves = [&](uint64_t seed, const std::vector<float>& weights,
                         const std::vector<float>& tw) {
    return bench_.BackwardTangent(parameters_, x_, AlongParameters(seed + 100), AlongX(seed),
                                  weights, tw);
  };
  const auto norm = [](const std::vector<float>& a) { return std::sqrt(Dot(a, a)); };
  for (uint64_t seed = 10; seed < 14; ++seed) {
    const auto [ax, ap] = moves(seed, weights_, still);
    const auto [bx, bp] = moves(seed + 50, weights_, still);
    const double scale = norm(ax) * norm(AlongX(1)) + norm(ap) * norm(AlongParameters(1));
    EXPECT_NEAR(Dot(ax, AlongX(seed + 50)) + Dot(ap, AlongParameters(seed + 150)),
                Dot(bx, AlongX(seed)) + Dot(bp, AlongParameters(seed + 100)), 1e-5 * (1 + scale));
  }
  const std::vector<float> tw = Random(weights_.size(), 6);
  const auto [tdx, product] = moves(30, still, tw);
  const auto [dx, gradient] = bench_.Backward(parameters_, x_, tw);
  for (size_t i = 0; i < dx.size(); ++i) EXPECT_NEAR(tdx[i], dx[i], 1e-5 * (1 + norm(dx)));
  for (size_t i = 0; i < gradient.size(); ++i) {
    EXPECT_NEAR(product[i], gradient[i], 1e-5 * (1 + norm(gradient)));
  }
}

TEST_P(LayerTangent, AnInputThatDoesNotMoveIsOneThatMovesByNothing) {
  const std::vector<float> still(x_.size()), tp = AlongParameters(5),
                                             tw = Random(weights_.size(), 6);
  const auto expect_same = [](const std::vector<float>& a, const std::vector<float>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6 * (1 + std::abs(a[i])));
  };
  expect_same(bench_.ForwardTangent(parameters_, x_, tp, {}),
              bench_.ForwardTangent(parameters_, x_, tp, still));
  const auto [tdx, product] = bench_.BackwardTangent(parameters_, x_, tp, {}, weights_, tw);
  const auto [zero_tdx, zero_product] =
      bench_.BackwardTangent(parameters_, x_, tp, still, weights_, tw);
  expect_same(tdx, zero_tdx);
  expect_same(product, zero_product);
}

TEST_P(LayerTangent, TellsWhetherItCouplesExamples) {
  std::vector<float> changed = x_;
  for (int64_t i = 0; i < bench_.layer().input().size(); ++i) changed[i] += 1;
  const std::vector<float> y = bench_.Forward(parameters_, x_);
  const std::vector<float> other = bench_.Forward(parameters_, changed);
  const int64_t width = bench_.layer().output().size();
  EXPECT_EQ(!std::equal(y.begin() + width, y.end(), other.begin() + width),
            bench_.layer().couples_examples());
}

INSTANTIATE_TEST_SUITE_P(Layers, LayerTangent, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

INSTANTIATE_TEST_SUITE_P(Layers, LayerGradient, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Dropout, DropsTheGivenFractionAndKeepsTheMean) {
  Bench bench(MakeDropout({5000, 1, 1}, 0.3, 0), 4);
  const std::vector<float> ones(20000, 1.0f);
  const std::vector<float> y = bench.Forward({}, ones);
  const auto dropped = std::count(y.begin(), y.end(), 0.0f);
  EXPECT_NEAR(dropped / 20000.0, 0.3, 0.015);  // 4.6 standard deviations
  for (const float value : y) EXPECT_TRUE(value == 0 || std::abs(value - 1 / 0.7f) < 1e-6);
  bench.training = false;
  EXPECT_EQ(bench.Forward({}, ones), ones);
}

TEST(Dropout, DiffersByExampleJobAndLayerOnly) {
  const std::vector<float> ones(3 * 64, 1.0f);
  Bench bench(MakeDropout({64, 1, 1}, 0.5, 1), 3), same(MakeDropout({64, 1, 1}, 0.5, 1), 3),
      other(MakeDropout({64, 1, 1}, 0.5, 2), 3);
  const std::vector<float> y = bench.Forward({}, ones);
  EXPECT_EQ(y, same.Forward({}, ones));
  EXPECT_NE(y, other.Forward({}, ones));
  EXPECT_FALSE(std::equal(y.begin(), y.begin() + 64, y.begin() + 64));
  bench.job = 5;
  EXPECT_NE(y, bench.Forward({}, ones));
}

TEST(GhostBatchNorm, NormalisesEveryGroupByItself) {
  const int64_t rows = 10, group = 4;  // the last group has two examples
  Bench bench(MakeGhostBatchNorm({2, 3, 3}, group, 1e-9), rows);
  std::vector<float> x = Random(rows * 18, 1);
  for (float& value : x) value = 3 * value + 5;
  const std::vector<float> parameters = {2, 1, 0, -1};  // weight, bias
  const std::vector<float> y = bench.Forward(parameters, x);
  for (int64_t first = 0; first < rows; first += group) {
    const int64_t count = std::min(group, rows - first);
    for (int64_t channel = 0; channel < 2; ++channel) {
      double sum = 0, square = 0;
      for (int64_t row = first; row < first + count; ++row) {
        for (int64_t p = 0; p < 9; ++p) {
          const double value = y[row * 18 + channel * 9 + p];
          sum += value;
          square += value * value;
        }
      }
      const double mean = sum / (9.0 * count);
      EXPECT_NEAR(mean, parameters[2 + channel], 1e-5);
      EXPECT_NEAR(square / (9.0 * count) - mean * mean, parameters[channel] * parameters[channel],
                  1e-4);
    }
  }
  std::vector<float> changed = x;
  changed[9 * 18] += 100;
  const std::vector<float> other = bench.Forward(parameters, changed);
  EXPECT_TRUE(std::equal(y.begin(), y.begin() + 8 * 18, other.begin()));
}

TEST(MaxPool, KeepsNanAndLeavesOutWhatDoesNotFit) {
  Bench bench(MakeMaxPool({1, 3, 5}, 2, 2), 1);
  EXPECT_EQ(bench.layer().output(), (Shape{1, 1, 2}));
  const std::vector<float> x = {1, 2, 3, 9, 50, 4, 0, NAN, 1, 60, 70, 70, 70, 70, 70};
  const std::vector<float> y = bench.Forward({}, x);
  EXPECT_EQ(y[0], 4);
  EXPECT_TRUE(std::isnan(y[1]));
}

TEST(Convolution, OfOnePixelImpulseIsTheFlippedKernel) {
  Bench bench(MakeConvolution({1, 3, 3}, 1, 3, 1, 1, 1), 1);
  std::vector<float> x(9);
  x[4] = 1;  // the centre
  const std::vector<float> parameters = {1, 2, 3, 4, 5, 6, 7, 8, 9, 0.5f};
  EXPECT_THAT(bench.Forward(parameters, x),
              testing::ElementsAre(9.5, 8.5, 7.5, 6.5, 5.5, 4.5, 3.5, 2.5, 1.5));
}

TEST(Network, InitialParametersHaveTheLayersSpread) {
  Network network({400, 1, 1});
  network.Add(MakeDense({400, 1, 1}, 300, InitialSpread(ActivationKind::kRelu, 400, 300)), "a");
  std::vector<float> parameters(network.parameters());
  network.Initialise(3, parameters);
  double square = 0;
  for (int i = 0; i < 400 * 300; ++i) square += double{parameters[i]} * parameters[i];
  EXPECT_NEAR(square / (400 * 300), 2.0 / 400, 0.02 * 2.0 / 400);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(parameters[400 * 300 + i], 0);
  ASSERT_EQ(network.segments().size(), 2u);
  EXPECT_EQ(network.segments()[0].name, "a.weight");
  EXPECT_EQ(network.segments()[1].offset, 400 * 300);
  EXPECT_DOUBLE_EQ(InitialSpread(ActivationKind::kTanh, 30, 20), std::sqrt(2.0 / 50));
}

// dx is what a layer in front of the network would be given as dy.
TEST(Network, BackwardGivesTheGradientAtTheInput) {
  const int64_t rows = 4;
  const auto add_dense = [](int64_t units, const char* name, Network* network) {
    network->Add(MakeDense(network->output(), units, 1), name);
    network->Add(MakeActivation(network->output(), ActivationKind::kTanh), "");
  };
  Network whole({5, 1, 1}), front({5, 1, 1}), back({6, 1, 1});
  for (Network* network : {&whole, &front}) {
    add_dense(7, "a", network);
    add_dense(6, "b", network);
  }
  back.Add(MakeActivation(back.output(), ActivationKind::kGelu), "");  // nothing to train yet
  add_dense(3, "c", &back);
  whole.Add(MakeActivation(whole.output(), ActivationKind::kGelu), "");
  add_dense(3, "c", &whole);
  const std::vector<float> x = Random(rows * 5, 1), dy = Random(rows * 3, 2);
  const std::vector<float> parameters = Random(whole.parameters(), 3);
  const std::span<const float> head(parameters.data(), front.parameters());
  const std::span<const float> tail(parameters.data() + front.parameters(), back.parameters());
  Workspace workspace;
  const Pass pass{&kernels(), &workspace, rows, true, 8, 4, {}};
  Network::Trace trace, front_trace, back_trace;
  std::vector<float> expected(whole.parameters()), gradient(whole.parameters());
  whole.Forward(pass, parameters, x.data(), &trace);
  whole.Backward(pass, parameters, x.data(), trace, dy.data(), expected.data());
  const float* const middle = front.Forward(pass, head, x.data(), &front_trace);
  back.Forward(pass, tail, middle, &back_trace);
  std::vector<float> between(rows * 6);
  back.Backward(pass, tail, middle, back_trace, dy.data(), gradient.data() + front.parameters(),
                between.data());
  front.Backward(pass, head, x.data(), front_trace, between.data(), gradient.data());
  EXPECT_EQ(gradient, expected);
  // A network without layers hands it through.
  std::vector<float> through(rows * 3);
  Network({3, 1, 1}).Backward(pass, {}, dy.data(), {}, dy.data(), nullptr, through.data());
  EXPECT_EQ(through, dy);
}

TEST(Network, InitialParametersOfSeveralNetworksTakeStreamsOfTheirOwn) {
  Network network({3, 1, 1});
  network.Add(MakeDense({3, 1, 1}, 2, 1, false), "a");
  network.Add(MakeDense({2, 1, 1}, 3, 1, false), "b");
  std::vector<float> first(12), second(12);
  network.Initialise(3, first);
  network.Initialise(3, second, 1);
  EXPECT_TRUE(std::equal(first.begin() + 6, first.end(), second.begin()));
  EXPECT_FALSE(std::equal(first.begin(), first.begin() + 6, second.begin()));
}

TEST(Workspace, KeepsItsMemory) {
  Workspace workspace;
  float* const first = workspace.Take(100);
  workspace.Take(10'000'000);
  workspace.Reset();
  float* const large = workspace.Take(10'000'000);
  float* const next = workspace.Take(100);
  EXPECT_EQ(next, large + 10'000'000) << "one block after the first round";
  EXPECT_EQ(reinterpret_cast<uintptr_t>(next) % 64, 0u);
  workspace.Reset();
  EXPECT_EQ(workspace.Take(5), large);
  EXPECT_NE(first, nullptr);
}

}  // namespace
}  // namespace gradloom
