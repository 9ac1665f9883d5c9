// Problems against central differences: of their own gradients, and of F for the hypergradient.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/random.h"
#include "models/workloads/bilevel/problem.h"
#include "tests/models/workloads/bilevel/bilevel_data.h"
#include "tests/models/workloads/bilevel/bilevel_harness.h"

namespace gradloom {
namespace {

TEST(PortableFunctions, AgreeWithTheLibrary) {
  for (double x = -40; x < 40; x += 0.0371) {
    EXPECT_NEAR(ExpOf(x), std::exp(x), 4e-16 * std::exp(x));
    EXPECT_NEAR(SigmoidOf(x), 1 / (1 + std::exp(-x)), 4e-16);
    EXPECT_NEAR(TanhOf(x), std::tanh(x), 4e-16);
    const LogisticLoss loss = LogisticLossAt(x);
    const double value = std::log1p(std::exp(-x));
    EXPECT_NEAR(loss.value, value, 1e-15 * std::max(1.0, value));
    EXPECT_NEAR(loss.s, 1 / (1 + std::exp(x)), 4e-16);
    EXPECT_NEAR(loss.k, loss.s * (1 - loss.s), 4e-16);
  }
  EXPECT_EQ(ExpOf(-800), 0);
  EXPECT_EQ(ExpOf(800), HUGE_VAL);
  EXPECT_TRUE(std::isnan(ExpOf(NAN)));
}

struct ProblemCase {
  const char* name;
  std::unique_ptr<BilevelProblem> (*make)();
};
std::ostream& operator<<(std::ostream& out, const ProblemCase& c) { return out << c.name; }

template <typename Spec>
Spec Sized(int blocks, int training, int validation) {
  Spec spec;
  spec.set_blocks(blocks);
  spec.set_training_rows(training);
  spec.set_validation_rows(validation);
  return spec;
}

std::unique_ptr<BilevelProblem> MakeHospitals(const v1::Hospitals& spec, int64_t features = 6) {
  return MakeProblem(&v1::Bilevel::mutable_hospitals, spec, features);
}
std::unique_ptr<BilevelProblem> MakeSampleWeights(const v1::SampleWeights& spec) {
  return MakeProblem(&v1::Bilevel::mutable_sample_weights, spec, 6);
}

const ProblemCase kProblems[] = {
    {"hospitals", [] { return MakeHospitals(Sized<v1::Hospitals>(3, 40, 20)); }},
    {"personal_heads",
     [] {
       auto spec = Sized<v1::PersonalHeads>(3, 30, 20);
       spec.set_hidden(4);
       return MakeProblem(&v1::Bilevel::mutable_personal_heads, spec, 6);
     }},
    {"sample_weights",
     [] {
       auto spec = Sized<v1::SampleWeights>(3, 30, 40);
       spec.set_flip(0.2);
       spec.set_ridge(0.01);
       return MakeSampleWeights(spec);
     }},
    {"quadratic", [] { return MakeProblem(&v1::Bilevel::mutable_quadratic, {}); }},
};

class BilevelProblems : public testing::TestWithParam<ProblemCase> {
 protected:
  BilevelProblems() : problem_(GetParam().make()), shape_(problem_->shape()) {
    if (problem_->reads_examples()) examples_ = Clusters(shape_.rows(), 6, 1.5);
    RandomStream stream(3, Purpose::kGeneratedData);
    x_.resize(shape_.dx);
    problem_->InitialX(4, x_);
    for (double& value : x_) value += 0.3 * stream.NextNormal();
    for (auto* vector : {&y_, &v_}) {
      vector->resize(shape_.dy);
      for (double& value : *vector) value = 0.5 * stream.NextNormal();
    }
  }

  BlockLayout Layout() const { return {shape_.dy, shape_.dy, shape_.dx, shape_.hessian_size()}; }
  // All rows of block 1; [gy | q | gx | hessian], then f.
  std::vector<double> All(const std::vector<double>& x, const std::vector<double>& y,
                          const std::vector<double>& v) const {
    BatchSums sums(*problem_, Layout(), 1.0 / shape_.training_rows, 1.0 / shape_.validation_rows);
    const BilevelPoint at{x, y, v};
    for (int64_t k = 0; k < shape_.block_rows(); ++k) {
      sums.Add(1, k >= shape_.training_rows, RowIn(examples_, shape_.Row(1, false, k)), {at, at});
    }
    sums.AddDataFree(1, {at, at});
    std::vector<double> all(sums.now().begin(), sums.now().end());
    all.push_back(sums.loss() / shape_.validation_rows);
    return all;
  }

  std::unique_ptr<BilevelProblem> problem_;
  const BilevelShape shape_;
  Examples examples_;
  std::vector<double> x_, y_, v_;
};

// q = H_yy v - grad_y f and the Hessian from gy's differences; grad_y f, and gx, from those of f
// and of gy v.
TEST_P(BilevelProblems, MatchCentralDifferences) {
  const std::vector<double> all = All(x_, y_, v_);
  const std::vector<double> zero(shape_.dy);
  const std::vector<double> at_zero_v = All(x_, y_, zero);
  const int64_t dy = shape_.dy, dx = shape_.dx;
  constexpr double kStep = 1e-5;
  const auto differences = [&](bool in_x, int64_t i) {
    std::vector<double> up = in_x ? x_ : y_, down = up;
    up[i] += kStep;
    down[i] -= kStep;
    std::vector<double> change = in_x ? All(up, y_, v_) : All(x_, up, v_);
    const std::vector<double> other = in_x ? All(down, y_, v_) : All(x_, down, v_);
    for (size_t k = 0; k < change.size(); ++k) change[k] = (change[k] - other[k]) / (2 * kStep);
    return change;
  };
  std::vector<double> hv(dy);
  for (int64_t i = 0; i < dy; ++i) {
    const std::vector<double> by_y = differences(false, i);
    EXPECT_NEAR(-at_zero_v[dy + i], by_y.back(), 1e-8) << "grad_y f " << i;
    for (int64_t j = 0; j < dy; ++j) hv[j] += by_y[j] * v_[i];
    for (int64_t j = 0; j <= i; ++j) {
      EXPECT_NEAR(all[2 * dy + dx + i * (i + 1) / 2 + j], by_y[j], 1e-8) << "H_yy " << i << j;
    }
  }
  for (int64_t i = 0; i < dy; ++i) {
    EXPECT_NEAR(all[dy + i] - at_zero_v[dy + i], hv[i], 1e-7) << "H_yy v " << i;
  }
  for (int64_t i = 0; i < dx; ++i) {
    const std::vector<double> by_x = differences(true, i);
    const double hxyv = Dot(std::span(by_x).first(dy), v_);
    EXPECT_NEAR(all[2 * dy + i], by_x.back() - hxyv, 1e-8) << "gx " << i;
  }
}

TEST_P(BilevelProblems, HypergradientMatchesCentralDifferencesOfF) {
  problem_->ProjectX(x_);
  const ExactSolver exact(*problem_, examples_);
  const std::vector<double> gradient = exact.Solve(x_).gradient;
  EXPECT_GT(Dot(gradient, gradient), 1e-9);
  const auto f = [&](int64_t i, double by) {
    std::vector<double> x = x_;
    x[i] += by;
    return exact.Solve(x).f;
  };
  constexpr double kStep = 3e-3;
  const int64_t stride = std::max<int64_t>(1, shape_.dx / 8);
  for (int64_t i = 0; i < shape_.dx; i += stride) {
    const double difference =
        (8 * (f(i, kStep) - f(i, -kStep)) - (f(i, 2 * kStep) - f(i, -2 * kStep))) / (12 * kStep);
    EXPECT_NEAR(gradient[i], difference, 1e-9) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, BilevelProblems, testing::ValuesIn(kProblems),
                         testing::PrintToStringParamName());

// The differences above cannot see whether gy belongs to g; f has the same loss, without weights.
TEST(BilevelProblems, TrainingLossIsTheValidationLossWeighted) {
  v1::Hospitals hospitals = Sized<v1::Hospitals>(1, 5, 5);
  hospitals.add_flips(0);
  const Examples examples = Clusters(10, 6, 1);
  const BilevelRow row = RowIn(examples, 2);
  const std::vector<double> y = {1, -0.5, 0.2, 0.3, -1, 0.1};
  const auto ratio = [&](const BilevelProblem& problem, const std::vector<double>& x) {
    std::vector<double> gy(6), q(6);
    BilevelTerms training, validation;
    training.gy = gy;
    validation.q = q;
    problem.AddTraining(0, row, {x, y, y}, 1, training);
    problem.AddValidation(0, row, {x, y, y}, 1, validation);
    for (int i = 1; i < 6; ++i) EXPECT_NEAR(gy[i] * q[0], gy[0] * q[i], 1e-15);
    return -gy[0] / q[0];
  };
  EXPECT_NEAR(ratio(*MakeHospitals(hospitals), {0, 1.5}), SigmoidOf(1.5), 1e-14);
  const auto weights = Sized<v1::SampleWeights>(1, 5, 5);
  EXPECT_NEAR(ratio(*MakeSampleWeights(weights), {0, 0, -2, 0, 0}), SigmoidOf(-2), 1e-14);
}

TEST(HospitalsProblem, FlipsFollowTheirSources) {
  v1::Hospitals spec = Sized<v1::Hospitals>(10, 1000, 500);
  const auto problem = MakeHospitals(spec, 1);
  // With y = 0 and v = 1 a row's part of gx is b / 8 in its source's place.
  std::vector<double> flipped(4), rows(4);
  const std::vector<double> x(5), y(1), v = {1};
  const float one = 1;
  for (int64_t number = 0; number < problem->shape().rows(); ++number) {
    BilevelRow row;
    row.number = number;
    row.values = std::span(&one, 1);
    row.target = 1;
    std::vector<double> gx(5), q(1);
    BilevelTerms terms;
    terms.gx = gx;
    if (problem->shape().PlaceOf(number).validation) {
      terms.q = q;
      problem->AddValidation(0, row, {x, y, y}, 1, terms);
      EXPECT_EQ(q[0], 0.5);
      continue;
    }
    problem->AddTraining(0, row, {x, y, v}, 1, terms);
    for (int source = 0; source < 4; ++source) {
      rows[source] += gx[1 + source] != 0 ? 1 : 0;
      flipped[source] += gx[1 + source] < 0 ? 1 : 0;
    }
  }
  const double rates[] = {0, 0.1, 0.25, 0.45};
  for (int source = 0; source < 4; ++source) {
    EXPECT_NEAR(rows[source], 2500, 150);
    EXPECT_NEAR(flipped[source] / rows[source], rates[source], 0.03);
  }
}

}  // namespace
}  // namespace gradloom
