// "m hospitals, shared hyper-parameters": x = (theta, w_1 .. w_S), the logarithm of the ridge and
// the logits of the sources' reliabilities; y_i are block i's logistic weights.
//   g_i = mean_train sigma(w_c) log(1 + exp(-b a^T y)) + 1/2 e^theta ||y||^2
//   f_i = mean_validation log(1 + exp(-b a^T y))
// With s = sigma(-b a^T y) and k = s (1 - s), [H_xy v]_theta = e^theta y^T v and
// [H_xy v]_{w_c} = -mean of sigma'(w_c) b s a^T v over the rows of source c.
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/random.h"
#include "models/spec/defaults.h"
#include "models/workloads/bilevel/problem_kind.h"

namespace gradloom {
namespace {

constexpr int kMaxSources = 1024;

constexpr double kThetaMin = -4, kThetaMax = 2, kLogitMax = 4;
constexpr double kInitialTheta = -2;

class Hospitals final : public BilevelProblem {
 public:
  Hospitals(const BilevelShape& shape, std::span<const double> flips, uint64_t seed)
      : BilevelProblem(shape), sources_(shape.rows()), signs_(shape.rows()) {
    for (int64_t row = 0; row < shape.rows(); ++row) {
      RandomStream stream(seed, Purpose::kLabelNoise, static_cast<uint64_t>(row));
      sources_[row] = static_cast<int>(stream.NextBelow(flips.size()));
      const bool flipped = stream.NextUniform() < flips[sources_[row]];
      signs_[row] = flipped && !shape.PlaceOf(row).validation ? -1 : 1;
    }
  }

  void InitialX(uint64_t /*seed*/, std::span<double> x) const override {
    std::fill(x.begin(), x.end(), 0.0);
    x[0] = kInitialTheta;
  }

  void ProjectX(std::span<double> x) const override {
    x[0] = std::clamp(x[0], kThetaMin, kThetaMax);
    for (double& w : x.subspan(1)) w = std::clamp(w, -kLogitMax, kLogitMax);
  }

  void AddTraining(int /*block*/, const BilevelRow& row, const BilevelPoint& at, double weight,
                   BilevelTerms& terms) const override {
    const int source = sources_[row.number];
    const double b = (row.target > 0 ? 1 : -1) * signs_[row.number];
    const double trust = SigmoidOf(at.x[1 + source]);
    const LogisticLoss loss = LogisticLossAt(b * row.Dot(at.y));
    const double av = row.Dot(at.v);
    if (!terms.gy.empty()) row.AddTo(-weight * trust * b * loss.s, terms.gy);
    if (!terms.q.empty()) row.AddTo(weight * trust * loss.k * av, terms.q);
    if (!terms.gx.empty()) terms.gx[1 + source] += weight * trust * (1 - trust) * b * loss.s * av;
    if (!terms.hessian.empty()) AddOuter(row, weight * trust * loss.k, terms.hessian);
  }

  void AddValidation(int /*block*/, const BilevelRow& row, const BilevelPoint& at, double weight,
                     BilevelTerms& terms) const override {
    const double b = row.target > 0 ? 1 : -1;
    const double margin = b * row.Dot(at.y);
    const LogisticLoss loss = LogisticLossAt(margin);
    if (!terms.q.empty()) row.AddTo(weight * b * loss.s, terms.q);
    terms.loss += loss.value;
    terms.correct += margin > 0 ? 1 : 0;
  }

  void AddDataFree(int /*block*/, const BilevelPoint& at, double weight,
                   BilevelTerms& terms) const override {
    const double ridge = weight * ExpOf(at.x[0]);
    AddScaled(ridge, at.y, terms.gy);
    AddScaled(ridge, at.v, terms.q);
    if (!terms.gx.empty()) terms.gx[0] -= ridge * Dot(at.y, at.v);
    if (!terms.hessian.empty()) {
      for (int64_t r = 0; r < shape().dy; ++r) terms.hessian[r * (r + 3) / 2] += ridge;
    }
  }

 private:
  std::vector<int> sources_;   // by row
  std::vector<int8_t> signs_;  // -1: the label is flipped
};

constexpr NumberField kNumbers[] = {
    {"blocks", kBlocksRange},
    {"training_rows", kRowsRange},
    {"validation_rows", kRowsRange},
    {"flips", Within(0, 1)},
};

void Fill(v1::Bilevel* bilevel) {
  v1::Hospitals* spec = bilevel->mutable_hospitals();
  if (spec->flips().empty()) {
    for (const double flip : {0.0, 0.1, 0.25, 0.45}) spec->add_flips(flip);
  }
  GRADLOOM_DEFAULT(spec, seed, 1);
}

void Check(const v1::Bilevel& bilevel, const std::string& field, Findings* findings) {
  const int flips = bilevel.hospitals().flips_size();
  findings->Require(flips <= kMaxSources, field + ".flips", absl::StrCat("a list of ", flips),
                    absl::StrCat("one of at most ", kMaxSources));
}

std::unique_ptr<BilevelProblem> Make(const v1::Bilevel& bilevel, int64_t features) {
  const v1::Hospitals& spec = bilevel.hospitals();
  const std::vector<double> flips(spec.flips().begin(), spec.flips().end());
  const BilevelShape shape{.blocks = static_cast<int>(spec.blocks()),
                           .dx = 1 + static_cast<int64_t>(flips.size()),
                           .dy = features,
                           .training_rows = spec.training_rows(),
                           .validation_rows = spec.validation_rows()};
  return std::make_unique<Hospitals>(shape, flips, spec.seed());
}

}  // namespace

extern const ProblemKind kHospitalsProblem = {
    .spec = {.kind = v1::Bilevel::kHospitals, .numbers = kNumbers, .fill = Fill, .check = Check},
    .sizes = [](const v1::Bilevel& spec) { return SizesOfBlocks(spec.hospitals()); },
    .make = Make,
};

}  // namespace gradloom
