// Hyper-parameter optimisation with a weight for each training row: x_j is row j's logit, y_i the
// weights of the i-th of m logistic regressions, whose losses differ in temperature t_i:
//   g_i = mean_train sigma(x_j) log(1 + exp(-b a^T y / t_i)) + ridge/2 ||y||^2
//   f_i = mean_validation log(1 + exp(-b a^T y / t_i))
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/random.h"
#include "models/spec/defaults.h"
#include "models/workloads/bilevel/problem_kind.h"

namespace gradloom {
namespace {

class SampleWeights final : public BilevelProblem {
 public:
  SampleWeights(const BilevelShape& shape, const v1::SampleWeights& spec)
      : BilevelProblem(shape), ridge_(spec.ridge()), signs_(shape.training_rows) {
    const double from = spec.temperature_min();
    const double to = spec.temperature_max();
    for (int i = 0; i < shape.blocks; ++i) {
      sharpness_.push_back(
          1 / (shape.blocks == 1 ? from : from + (to - from) * i / (shape.blocks - 1)));
    }
    for (int64_t row = 0; row < shape.training_rows; ++row) {
      RandomStream stream(spec.seed(), Purpose::kLabelNoise, static_cast<uint64_t>(row));
      signs_[row] = stream.NextUniform() < spec.flip() ? -1 : 1;
    }
  }

  void InitialX(uint64_t /*seed*/, std::span<double> x) const override {
    for (double& logit : x) logit = 0;
  }

  void AddTraining(int block, const BilevelRow& row, const BilevelPoint& at, double weight,
                   BilevelTerms& terms) const override {
    const double b = (row.target > 0 ? 1 : -1) * signs_[row.number] * sharpness_[block];
    const double trust = SigmoidOf(at.x[row.number]);
    const LogisticLoss loss = LogisticLossAt(b * row.Dot(at.y));
    const double av = row.Dot(at.v);
    if (!terms.gy.empty()) row.AddTo(-weight * trust * b * loss.s, terms.gy);
    if (!terms.q.empty()) row.AddTo(weight * trust * b * b * loss.k * av, terms.q);
    if (!terms.gx.empty()) terms.gx[row.number] += weight * trust * (1 - trust) * b * loss.s * av;
    if (!terms.hessian.empty()) AddOuter(row, weight * trust * b * b * loss.k, terms.hessian);
  }

  void AddValidation(int block, const BilevelRow& row, const BilevelPoint& at, double weight,
                     BilevelTerms& terms) const override {
    const double b = (row.target > 0 ? 1 : -1) * sharpness_[block];
    const double margin = b * row.Dot(at.y);
    const LogisticLoss loss = LogisticLossAt(margin);
    if (!terms.q.empty()) row.AddTo(weight * b * loss.s, terms.q);
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
  double ridge_;
  std::vector<double> sharpness_;  // 1 / temperature, by block
  std::vector<int8_t> signs_;      // by training row; -1: the label is flipped
};

constexpr NumberField kNumbers[] = {
    {"blocks", kBlocksRange},
    {"training_rows", kRowsRange},
    {"validation_rows", kRowsRange},
    {"temperature_min", MoreThanUpTo(0, 1e9), 1},
    {"temperature_max", MoreThanUpTo(0, 1e9), 4},
    {"ridge", kRidgeRange, 1e-5},
    {"flip", Within(0, 1)},
};

void Fill(v1::Bilevel* bilevel) { GRADLOOM_DEFAULT(bilevel->mutable_sample_weights(), seed, 1); }

void Check(const v1::Bilevel& bilevel, const std::string& field, Findings* findings) {
  const v1::SampleWeights& spec = bilevel.sample_weights();
  findings->Require(spec.temperature_max() >= spec.temperature_min(), field + ".temperature_max",
                    spec.temperature_max(),
                    absl::StrCat("temperature_min = ", spec.temperature_min(), " or more"));
}

ProblemSizes Sizes(const v1::Bilevel& bilevel) {
  ProblemSizes sizes = SizesOfBlocks(bilevel.sample_weights());
  sizes.data_rows = sizes.training_rows + sizes.validation_rows;  // shared by all blocks
  return sizes;
}

// A row's logit has a part of 1 / rows in F.
double Eta(const v1::Bilevel& bilevel) {
  return 0.3 * std::max(1.0, bilevel.sample_weights().training_rows() / 3.0);
}

std::unique_ptr<BilevelProblem> Make(const v1::Bilevel& bilevel, int64_t features) {
  const v1::SampleWeights& spec = bilevel.sample_weights();
  const BilevelShape shape{.blocks = static_cast<int>(spec.blocks()),
                           .dx = spec.training_rows(),
                           .dy = features,
                           .training_rows = spec.training_rows(),
                           .validation_rows = spec.validation_rows(),
                           .shared_rows = true};
  return std::make_unique<SampleWeights>(shape, spec);
}

}  // namespace

extern const ProblemKind kSampleWeightsProblem = {
    .spec = {.kind = v1::Bilevel::kSampleWeights,
             .numbers = kNumbers,
             .fill = Fill,
             .check = Check},
    .sizes = Sizes,
    .eta = Eta,
    .make = Make,
};

}  // namespace gradloom
