#include "coding/codes/dense_code.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "Eigen/Core"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coding/codes/code_math.h"
#include "coding/codes/null_space.h"

namespace gradloom {
namespace {

class DenseCode final : public GradientCode {
 public:
  explicit DenseCode(DenseCodeSpec spec)
      : name_(spec.name),
        row_norms_(RowNorms(spec.rows, spec.chunks, spec.denominator)),
        decoder_(NullSpaceDecoder::FromMatrix(
            NormalisedMatrix(spec.rows, row_norms_, spec.chunks.size()),
            static_cast<int>(spec.rows.size()) - spec.s)) {
    SetStructure(spec.denominator, std::move(spec.chunks), std::move(spec.rows), {}, spec.s);
  }

  absl::string_view name() const override { return name_; }
  bool exact() const override { return true; }
  bool unit_weights() const override { return false; }

  absl::StatusOr<Decoding> Decode(const std::vector<bool>& received) const override {
    std::vector<int> lost;
    for (int slot = 0; slot < slots(); ++slot) {
      if (!received[slot]) lost.push_back(slot);
    }
    if (static_cast<int>(lost.size()) > tolerance()) {
      // Spares the solve in the common case, and names the culprit.
      if (const int chunk = LostChunk(received); chunk >= 0) {
        return Undecodable(lost, absl::StrCat("nobody else holds chunk ", chunk));
      }
    }
    const Eigen::VectorXd y = decoder_.Solve(lost);
    Decoding decoding;
    decoding.amplification = y.norm();
    decoding.weights.resize(slots());
    for (int slot = 0; slot < slots(); ++slot) decoding.weights[slot] = y[slot] / row_norms_[slot];
    const Eigen::VectorXd error = CoverageError(*this, decoding.weights);
    const double allowed =
        std::min(kExactDecodeLimit, kExactDecodeTolerance * std::max(1.0, decoding.amplification));
    if (!(error.lpNorm<Eigen::Infinity>() <= allowed)) {
      return Undecodable(lost, "the replies that arrived do not determine the sum");
    }
    decoding.residual = Residual(*this, error);
    return decoding;
  }

 private:
  // A chunk none of whose owners has answered, or -1.
  int LostChunk(const std::vector<bool>& received) const {
    std::vector<bool> held(chunks().size());
    for (int slot = 0; slot < slots(); ++slot) {
      if (!received[slot]) continue;
      for (const Term& term : row(slot)) held[term.chunk] = true;
    }
    for (size_t chunk = 0; chunk < held.size(); ++chunk) {
      if (!held[chunk]) return static_cast<int>(chunk);
    }
    return -1;
  }

  absl::Status Undecodable(const std::vector<int>& lost, absl::string_view why) const {
    return absl::FailedPreconditionError(absl::StrCat(name_, ": ", lost.size(), " of ", slots(),
                                                      " slots have not answered (any ", tolerance(),
                                                      " may be missing) and ", why));
  }

  absl::string_view name_;
  std::vector<double> row_norms_;
  NullSpaceDecoder decoder_;
};

}  // namespace

std::unique_ptr<GradientCode> MakeDenseCode(DenseCodeSpec spec) {
  return std::make_unique<DenseCode>(std::move(spec));
}

}  // namespace gradloom
