#include "coding/codes/null_space.h"

#include <algorithm>
#include <utility>

#include "Eigen/QR"

namespace gradloom {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

NullSpaceDecoder NullSpaceDecoder::FromMatrix(const MatrixXd& m, int max_rank) {
  // M P = Q R: the last columns of Q span the left null space; y0 = Q_1 x with R_1^T x = P^T 1,
  // whose first rank(M) equations are triangular and imply the rest. P^T 1 = 1.
  const Eigen::ColPivHouseholderQR<MatrixXd> qr(m);
  const Index r = std::min<Index>(qr.rank(), max_rank);
  const MatrixXd q = qr.householderQ();
  const VectorXd x =
      qr.matrixQR().topLeftCorner(r, r).triangularView<Eigen::Upper>().transpose().solve(
          VectorXd::Ones(r));
  return NullSpaceDecoder(q.rightCols(m.rows() - r).transpose(), q.leftCols(r) * x);
}

NullSpaceDecoder NullSpaceDecoder::FromDual(const MatrixXd& c) {
  const Index s = c.rows() - 1;
  const MatrixXd differences = (c.bottomRows(s).rowwise() - c.row(0)).transpose();
  MatrixXd basis = MatrixXd::Identity(c.cols(), s);
  if (s > 0) basis.applyOnTheLeft(Eigen::HouseholderQR<MatrixXd>(differences).householderQ());
  VectorXd least_norm = c.colwise().mean();
  least_norm -= basis * (basis.transpose() * least_norm).eval();
  return NullSpaceDecoder(basis.transpose(), std::move(least_norm));
}

VectorXd NullSpaceDecoder::Solve(std::span<const int> lost) const {
  VectorXd y = least_norm_;
  if (lost.empty()) return y;
  const Index count = static_cast<Index>(lost.size());
  VectorXd right(count);
  for (Index i = 0; i < count; ++i) right[i] = -least_norm_[lost[i]];
  if (nullity() > 0) {
    MatrixXd left(count, nullity());
    for (Index i = 0; i < count; ++i) left.row(i) = null_space_.col(lost[i]).transpose();
    y += null_space_.transpose() * left.completeOrthogonalDecomposition().solve(right);
  }
  for (int slot : lost) y[slot] = 0;
  return y;
}

}  // namespace gradloom
