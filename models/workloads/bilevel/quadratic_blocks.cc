// The problem with a closed form: sample j of block i has
//   g = 1/2 y^T A_ij y - y^T (C_ij x + c_ij),   f = 1/2 ||y - b_ij||^2 + rho/2 ||x||^2,
// so that y_i(x) = A_i^-1 (C_i x + c_i) with the samples' means, and grad F is affine.
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/random.h"
#include "models/spec/defaults.h"
#include "models/workloads/bilevel/problem_kind.h"

namespace gradloom {
namespace {

constexpr double kRho = 0.1;

class QuadraticBlocks final : public BilevelProblem {
 public:
  QuadraticBlocks(const BilevelShape& shape, double noise, uint64_t seed) : BilevelProblem(shape) {
    for (int block = 0; block < shape.blocks; ++block) {
      const Sample centre = Centre(seed, block);
      for (int64_t k = 0; k < shape.block_rows(); ++k) {
        samples_.push_back(Near(centre, noise, seed, block, k));
      }
    }
  }

  bool reads_examples() const override { return false; }

  void InitialX(uint64_t /*seed*/, std::span<double> x) const override {
    for (double& value : x) value = 1.5;
  }

  void AddTraining(int /*block*/, const BilevelRow& row, const BilevelPoint& at, double weight,
                   BilevelTerms& terms) const override {
    const Sample& sample = samples_[row.number];
    const int64_t dx = shape().dx, dy = shape().dy;
    for (int64_t r = 0; r < dy; ++r) {
      const std::span<const double> a(&sample.a[r * dy], dy), c(&sample.c[r * dx], dx);
      if (!terms.gy.empty()) {
        terms.gy[r] += weight * (Dot(a, at.y) - Dot(c, at.x) - sample.offset[r]);
      }
      if (!terms.q.empty()) terms.q[r] += weight * Dot(a, at.v);
      if (!terms.gx.empty()) AddScaled(weight * at.v[r], c, terms.gx);
      if (terms.hessian.empty()) continue;
      for (int64_t s = 0; s <= r; ++s) terms.hessian[r * (r + 1) / 2 + s] += weight * a[s];
    }
  }

  void AddValidation(int /*block*/, const BilevelRow& row, const BilevelPoint& at, double weight,
                     BilevelTerms& terms) const override {
    const Sample& sample = samples_[row.number];
    for (int64_t r = 0; r < shape().dy; ++r) {
      const double off = at.y[r] - sample.target[r];
      if (!terms.q.empty()) terms.q[r] -= weight * off;
      terms.loss += off * off / 2;
    }
    AddScaled(weight * kRho, at.x, terms.gx);
    terms.loss += kRho / 2 * Dot(at.x, at.x);
  }

  void AddDataFree(int /*block*/, const BilevelPoint& /*at*/, double /*weight*/,
                   BilevelTerms& /*terms*/) const override {}

 private:
  struct Sample {
    std::vector<double> a;       // dy x dy, symmetric
    std::vector<double> c;       // dy x dx
    std::vector<double> offset;  // c_ij
    std::vector<double> target;  // b_ij
  };

  std::vector<double> Normals(RandomStream& stream, int64_t count, double scale) const {
    std::vector<double> values(count);
    for (double& value : values) value = scale * stream.NextNormal();
    return values;
  }

  // A_i = 3/4 I + M M^T / (2 dy): eigenvalues from 0.75 to about 2.7.
  Sample Centre(uint64_t seed, int block) const {
    const int64_t dx = shape().dx, dy = shape().dy;
    RandomStream stream(seed, Purpose::kGeneratedData, static_cast<uint64_t>(block));
    const std::vector<double> m = Normals(stream, dy * dy, 1);
    Sample centre;
    for (int64_t r = 0; r < dy; ++r) {
      for (int64_t s = 0; s < dy; ++s) {
        const std::span<const double> left(&m[r * dy], dy), right(&m[s * dy], dy);
        centre.a.push_back((r == s ? 0.75 : 0) + Dot(left, right) / static_cast<double>(2 * dy));
      }
    }
    centre.c = Normals(stream, dy * dx, 0.7);
    centre.offset = Normals(stream, dy, 1);
    centre.target = Normals(stream, dy, 1);
    return centre;
  }

  Sample Near(const Sample& centre, double noise, uint64_t seed, int block, int64_t k) const {
    RandomStream stream(seed, Purpose::kGeneratedData, static_cast<uint64_t>(k),
                        static_cast<uint32_t>(block) + 1);
    const int64_t dy = shape().dy;
    Sample sample = centre;
    for (int64_t r = 0; r < dy; ++r) {
      for (int64_t s = 0; s <= r; ++s) {
        const double by = noise / std::sqrt(static_cast<double>(dy)) * stream.NextNormal();
        sample.a[r * dy + s] += by;
        if (s < r) sample.a[s * dy + r] += by;
      }
    }
    for (double& value : sample.c) value += noise * stream.NextNormal();
    for (double& value : sample.offset) value += noise * stream.NextNormal();
    for (double& value : sample.target) value += noise * stream.NextNormal();
    return sample;
  }

  std::vector<Sample> samples_;  // by row
};

// Of all samples, which are in memory.
constexpr double kMaxSampleValues = 0x1p27;

constexpr NumberField kNumbers[] = {
    {"blocks", Within(1, 1000), 20},    {"block_size", Within(1, 200), 5},
    {"shared_size", Within(1, 200), 4}, {"samples", Within(1, 10'000), 64},
    {"noise", Within(0, 10), 0.5},
};

void Fill(v1::Bilevel* bilevel) { GRADLOOM_DEFAULT(bilevel->mutable_quadratic(), seed, 1); }

void Check(const v1::Bilevel& bilevel, const std::string& field, Findings* findings) {
  const v1::QuadraticBlocks& spec = bilevel.quadratic();
  const double rows = spec.block_size(), columns = rows + spec.shared_size();
  const double of_sample = 2.0 * spec.blocks() * rows * columns;
  findings->Require(of_sample * spec.samples() <= kMaxSampleValues, field + ".samples",
                    spec.samples(),
                    absl::StrCat("at most ", std::floor(kMaxSampleValues / of_sample),
                                 " for as many and as large blocks"));
}

ProblemSizes Sizes(const v1::Bilevel& bilevel) {
  const v1::QuadraticBlocks& spec = bilevel.quadratic();
  return {.blocks = spec.blocks(),
          .training_rows = spec.samples(),
          .validation_rows = spec.samples(),
          .block_size = spec.block_size()};
}

std::unique_ptr<BilevelProblem> Make(const v1::Bilevel& bilevel, int64_t /*features*/) {
  const v1::QuadraticBlocks& spec = bilevel.quadratic();
  const BilevelShape shape{.blocks = static_cast<int>(spec.blocks()),
                           .dx = spec.shared_size(),
                           .dy = spec.block_size(),
                           .training_rows = spec.samples(),
                           .validation_rows = spec.samples()};
  return std::make_unique<QuadraticBlocks>(shape, spec.noise(), spec.seed());
}

}  // namespace

extern const ProblemKind kQuadraticBlocksProblem = {
    .spec = {.kind = v1::Bilevel::kQuadratic, .numbers = kNumbers, .fill = Fill, .check = Check},
    .sizes = Sizes,
    .make = Make,
};

}  // namespace gradloom
