#include "coding/codes/approximate.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "Eigen/IterativeLinearSolvers"
#include "Eigen/SparseCore"
#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

// Of ||A^T (A y - 1)|| relative to ||A^T 1||; the residual's own error is of the order of its
// square.
constexpr double kSolverTolerance = 1e-13;

class LeastSquaresCode final : public GradientCode {
 public:
  explicit LeastSquaresCode(SparseCodeSpec spec) : name_(spec.name), unbiased_(spec.unbiased) {
    std::vector<Chunk> chunks = EqualChunks(spec.chunks);
    row_norms_ = RowNorms(spec.rows, chunks, spec.chunks);
    SetStructure(spec.chunks, std::move(chunks), std::move(spec.rows), {}, spec.s);
  }

  absl::string_view name() const override { return name_; }
  bool exact() const override { return false; }
  bool unit_weights() const override { return false; }

  absl::StatusOr<Decoding> Decode(const std::vector<bool>& received) const override {
    if (absl::Status status = CheckTolerance(*this, received); !status.ok()) return status;
    // Columns of A: the rows of B that arrived, divided by their norms, so that ||y|| is the
    // amplification.
    const auto live = std::count(received.begin(), received.end(), true);
    Eigen::SparseMatrix<double> a(chunks().size(), live);
    int column = 0;
    for (int slot = 0; slot < slots(); ++slot) {
      if (!received[slot]) continue;
      a.startVec(column);
      for (const Term& term : row(slot)) {
        a.insertBack(term.chunk, column) = term.coefficient / row_norms_[slot];
      }
      ++column;
    }
    a.finalize();
    Eigen::LeastSquaresConjugateGradient<Eigen::SparseMatrix<double>, Eigen::IdentityPreconditioner>
        solver;
    solver.setTolerance(kSolverTolerance);
    solver.compute(a);
    const Eigen::VectorXd y = solver.solve(Eigen::VectorXd::Ones(a.rows()));
    return FromSolution(received, y);
  }

  bool Decodable(const std::vector<bool>& received) const override {
    return std::count(received.begin(), received.end(), false) <= tolerance();
  }

 private:
  Decoding FromSolution(const std::vector<bool>& received, const Eigen::VectorXd& y) const {
    Decoding decoding;
    decoding.weights.assign(slots(), 0);
    int column = 0;
    for (int slot = 0; slot < slots(); ++slot) {
      if (received[slot]) decoding.weights[slot] = y[column++] / row_norms_[slot];
    }
    Eigen::VectorXd error = CoverageError(*this, decoding.weights);
    const double scale = unbiased_ ? 1 / (1 + error.mean()) : 1;
    for (double& weight : decoding.weights) weight *= scale;
    error = scale * (error.array() + 1) - 1;
    decoding.residual = Residual(*this, error);
    decoding.amplification = scale * y.norm();
    return decoding;
  }

  absl::string_view name_;
  bool unbiased_;
  std::vector<double> row_norms_;
};

}  // namespace

int DefaultDegree(int slots, int s) {
  int degree = 1;
  for (double lost = 1.0 * s / slots; lost > kTargetResidual && degree <= s; ++degree) {
    lost *= 1.0 * s / slots;
  }
  return degree;
}

int DefaultBernoulliDegree(int slots, int s) {
  const double degree = -std::log(kTargetResidual) / (1 - 1.0 * s / slots);
  return std::min(s + 1, static_cast<int>(std::ceil(degree)));
}

int DegreeOr(const CodeParameters& parameters, int otherwise) {
  return parameters.degree > 0 ? parameters.degree : otherwise;
}

absl::Status CheckTolerance(const GradientCode& code, const std::vector<bool>& received) {
  const auto missing = std::count(received.begin(), received.end(), false);
  if (missing <= code.tolerance()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(code.name(), ": ", missing, " of ", code.slots(),
                   " slots have not answered; at most ", code.tolerance(), " may be missing"));
}

std::unique_ptr<GradientCode> MakeLeastSquaresCode(SparseCodeSpec spec) {
  return std::make_unique<LeastSquaresCode>(std::move(spec));
}

}  // namespace gradloom
