#include "models/layers/loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "models/random.h"

namespace gradloom {
namespace {

double ExactLoss(LossKind kind, const std::vector<double>& scores, double target) {
  if (kind == LossKind::kSquared) return (scores[0] - target) * (scores[0] - target) / 2;
  if (kind == LossKind::kLogistic) {
    return std::log1p(std::exp(target == 1 ? -scores[0] : scores[0]));
  }
  double total = 0;
  for (const double score : scores) total += std::exp(score);
  return std::log(total) - scores[static_cast<size_t>(target)];
}

class LossOf : public testing::TestWithParam<LossKind> {};

TEST_P(LossOf, MatchesItsFormulaAndItsDerivative) {
  const int64_t width = GetParam() == LossKind::kSoftmax ? 6 : 1;
  const int64_t classes = GetParam() == LossKind::kSoftmax ? 6 : 2;
  RandomStream stream(4, Purpose::kGeneratedData);
  for (int trial = 0; trial < 500; ++trial) {
    std::vector<float> scores(width), gradient(width);
    for (float& score : scores) score = static_cast<float>(5 * stream.NextNormal());
    const auto target = static_cast<float>(stream.NextBelow(classes));
    const LossSums sums =
        ComputeLoss(GetParam(), kernels(), 1, width, scores.data(), &target, gradient.data());
    std::vector<double> exact(scores.begin(), scores.end());
    const double expected = ExactLoss(GetParam(), exact, target);
    EXPECT_EQ(sums.bad_row, -1);
    EXPECT_NEAR(sums.loss, expected, 2e-6 * (1 + expected));
    for (int64_t j = 0; j < width; ++j) {
      std::vector<double> up = exact, down = exact;
      up[j] += 1e-5;
      down[j] -= 1e-5;
      const double slope =
          (ExactLoss(GetParam(), up, target) - ExactLoss(GetParam(), down, target)) / 2e-5;
      EXPECT_NEAR(gradient[j], slope, 2e-6 * (1 + std::abs(slope)));
    }
  }
}

TEST_P(LossOf, HessianIsTheDerivativeOfTheGradient) {
  const int64_t width = GetParam() == LossKind::kSoftmax ? 6 : 1;
  const int64_t classes = GetParam() == LossKind::kSoftmax ? 6 : 2;
  RandomStream stream(5, Purpose::kGeneratedData);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<float> scores(width), direction(width), product(width);
    for (float& score : scores) score = static_cast<float>(3 * stream.NextNormal());
    for (float& value : direction) value = static_cast<float>(stream.NextNormal());
    const auto target = static_cast<double>(stream.NextBelow(classes));
    MultiplyByLossHessian(GetParam(), kernels(), 1, width, scores.data(), direction.data(),
                          product.data());
    // Second differences of the loss, each of the mixed pair (unit j, direction).
    for (int64_t j = 0; j < width; ++j) {
      const double h = 1e-3;
      const auto at = [&](double along_unit, double along) {
        std::vector<double> moved(scores.begin(), scores.end());
        for (int64_t k = 0; k < width; ++k) moved[k] += along * direction[k];
        moved[j] += along_unit;
        return ExactLoss(GetParam(), moved, target);
      };
      const double expected = (at(h, h) - at(h, -h) - at(-h, h) + at(-h, -h)) / (4 * h * h);
      EXPECT_NEAR(product[j], expected, 2e-6 * (1 + std::abs(expected)));
    }
    std::vector<float> in_place = direction;
    MultiplyByLossHessian(GetParam(), kernels(), 1, width, scores.data(), in_place.data(),
                          in_place.data());
    EXPECT_EQ(in_place, product);
  }
}

TEST_P(LossOf, HugeScoresDoNotOverflow) {
  if (GetParam() == LossKind::kSquared) return;  // does overflow, and says so
  const int64_t width = GetParam() == LossKind::kSoftmax ? 2 : 1;
  const std::vector<float> scores = {1e30f, -1e30f};
  const float target = 0;
  std::vector<float> gradient(width);
  const LossSums sums =
      ComputeLoss(GetParam(), kernels(), 1, width, scores.data(), &target, gradient.data());
  EXPECT_EQ(sums.bad_row, -1);
  EXPECT_NEAR(sums.loss, GetParam() == LossKind::kSoftmax ? 0 : 1e30, 1e24);
}

INSTANTIATE_TEST_SUITE_P(Kinds, LossOf,
                         testing::Values(LossKind::kSquared, LossKind::kLogistic,
                                         LossKind::kSoftmax));

TEST(Loss, CountsTheFirstHighestScore) {
  const std::vector<float> scores = {1, 3, 3, 0, 0, 0, 2, 1, 5};
  const std::vector<float> targets = {1, 1, 2};
  std::vector<float> gradient(9);
  const LossSums sums = ComputeLoss(LossKind::kSoftmax, kernels(), 3, 3, scores.data(),
                                    targets.data(), gradient.data());
  EXPECT_EQ(sums.correct, 2);
}

TEST(Loss, NamesTheFirstBadRow) {
  const std::vector<float> scores = {1, 2, NAN, 1, 0, INFINITY};
  std::vector<float> gradient(6);
  const std::vector<float> fine = {0, 1, 1}, no_class = {2, 1, 1}, half = {0.5f, 0, 0};
  const auto bad_row = [&](const std::vector<float>& targets) {
    return ComputeLoss(LossKind::kSoftmax, kernels(), 3, 2, scores.data(), targets.data(),
                       gradient.data())
        .bad_row;
  };
  EXPECT_EQ(bad_row(fine), 1);
  EXPECT_EQ(bad_row(no_class), 0);
  EXPECT_EQ(bad_row(half), 0);
}

}  // namespace
}  // namespace gradloom
