// A shared representation phi = tanh(W a + b), x = (W, b), under personal ridge-logistic heads y_i:
//   g_i = mean_train log(1 + exp(-b y^T phi)) + ridge/2 ||y||^2,  f_i = mean_validation of the
//   same.
// A row's part of H_xy v goes back through the representation like a gradient, from
// psi = k (phi^T v) y - b s v; grad_x f's from psi = -b s y.
#include <cmath>
#include <vector>

#include "models/random.h"
#include "models/workloads/bilevel/problem_kind.h"

namespace gradloom {
namespace {

class PersonalHeads final : public BilevelProblem {
 public:
  PersonalHeads(const BilevelShape& shape, int64_t features, double ridge)
      : BilevelProblem(shape), features_(features), ridge_(ridge) {}

  void InitialX(uint64_t seed, std::span<double> x) const override {
    RandomStream stream(seed, Purpose::kInitialParameters);
    const double spread = std::sqrt(1.0 / static_cast<double>(features_));
    for (int64_t i = 0; i < shape().dy * features_; ++i) x[i] = spread * stream.NextNormal();
  }

  void AddTraining(int /*block*/, const BilevelRow& row, const BilevelPoint& at, double weight,
                   BilevelTerms& terms) const override {
    const std::vector<double> phi = Represent(row, at.x);
    const double b = row.target > 0 ? 1 : -1;
    const LogisticLoss loss = LogisticLossAt(b * Dot(phi, at.y));
    const double pv = Dot(phi, at.v);
    AddScaled(-weight * b * loss.s, phi, terms.gy);
    AddScaled(weight * loss.k * pv, phi, terms.q);
    if (!terms.gx.empty()) {
      Back(row, phi, -weight * loss.k * pv, at.y, weight * b * loss.s, at.v, terms.gx);
    }
    if (!terms.hessian.empty()) {
      AddOuter(phi, weight * loss.k, terms.hessian);
    }
  }

  void AddValidation(int /*block*/, const BilevelRow& row, const BilevelPoint& at, double weight,
                     BilevelTerms& terms) const override {
    const std::vector<double> phi = Represent(row, at.x);
    const double b = row.target > 0 ? 1 : -1;
    const double margin = b * Dot(phi, at.y);
    const LogisticLoss loss = LogisticLossAt(margin);
    AddScaled(weight * b * loss.s, phi, terms.q);
    if (!terms.gx.empty()) Back(row, phi, -weight * b * loss.s, at.y, 0, at.y, terms.gx);
    terms.loss += loss.value;
    terms.correct += margin > 0 ? 1 : 0;
  }

  void AddDataFree(int /*block*/, const BilevelPoint& at, double weight,
                   BilevelTerms& terms) const override {
    AddScaled(weight * ridge_, at.y, terms.gy);
    AddScaled(weight * ridge_, at.v, terms.q);
    if (terms.hessian.empty()) return;
    for (int64_t r = 0; r < shape().dy; ++r) terms.hessian[r * (r + 3) / 2] += weight * ridge_;
  }

 private:
  std::vector<double> Represent(const BilevelRow& row, std::span<const double> x) const {
    const int64_t hidden = shape().dy;
    std::vector<double> phi(hidden);
    for (int64_t h = 0; h < hidden; ++h) {
      phi[h] = TanhOf(row.Dot(x.subspan(h * features_, features_)) + x[hidden * features_ + h]);
    }
    return phi;
  }

  // Adds to (W, b)'s gradient what psi = p y + r v at phi means.
  void Back(const BilevelRow& row, std::span<const double> phi, double p, std::span<const double> y,
            double r, std::span<const double> v, std::span<double> gx) const {
    const int64_t hidden = shape().dy;
    for (int64_t h = 0; h < hidden; ++h) {
      const double delta = (p * y[h] + r * v[h]) * (1 - phi[h] * phi[h]);
      row.AddTo(delta, gx.subspan(h * features_, features_));
      gx[hidden * features_ + h] += delta;
    }
  }

  int64_t features_;
  double ridge_;
};

constexpr NumberField kNumbers[] = {
    {"blocks", kBlocksRange},        {"training_rows", kRowsRange}, {"validation_rows", kRowsRange},
    {"hidden", Within(1, 4096), 16}, {"ridge", kRidgeRange, 0.05},
};

std::unique_ptr<BilevelProblem> Make(const v1::Bilevel& bilevel, int64_t features) {
  const v1::PersonalHeads& spec = bilevel.personal_heads();
  const int64_t hidden = spec.hidden();
  const BilevelShape shape{.blocks = static_cast<int>(spec.blocks()),
                           .dx = hidden * (features + 1),
                           .dy = hidden,
                           .training_rows = spec.training_rows(),
                           .validation_rows = spec.validation_rows()};
  return std::make_unique<PersonalHeads>(shape, features, spec.ridge());
}

ProblemSizes Sizes(const v1::Bilevel& bilevel) {
  ProblemSizes sizes = SizesOfBlocks(bilevel.personal_heads());
  sizes.block_size = bilevel.personal_heads().hidden();
  return sizes;
}

}  // namespace

extern const ProblemKind kPersonalHeadsProblem = {
    .spec = {.kind = v1::Bilevel::kPersonalHeads, .numbers = kNumbers},
    .sizes = Sizes,
    .make = Make,
};

}  // namespace gradloom
