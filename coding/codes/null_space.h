// Fast decoding for any fixed code matrix: the null-space method.
//
// Let y0 be the solution of least norm of y0^T M = 1^T and the rows of N an orthonormal basis of
// the left null space of M (N M = 0). Every solution is y0 + N^T z, and its norm^2 is ||y0||^2 +
// ||z||^2. Slots S are lost: N_S^T z = -y0_S, a system of |S| equations in dim(N) unknowns (s of
// each at worst) instead of a factorisation of the n - s surviving rows. The z of least norm gives
// the y of least norm. Immutable.
#ifndef GRADLOOM_CODING_CODES_NULL_SPACE_H_
#define GRADLOOM_CODING_CODES_NULL_SPACE_H_

#include <span>
#include <utility>

#include "Eigen/Core"

namespace gradloom {

class NullSpaceDecoder {
 public:
  // `m` is n x k and has a solution of y^T M = 1^T. Its rank is at most `max_rank`; rounding may
  // make it look larger.
  static NullSpaceDecoder FromMatrix(const Eigen::MatrixXd& m, int max_rank);
  // `c` is (s+1) x n with C M = 1 1^T, and rank(M) = n - s, so that differences of C's rows span
  // the left null space: cheaper, for the seed search.
  static NullSpaceDecoder FromDual(const Eigen::MatrixXd& c);

  int nullity() const { return static_cast<int>(null_space_.rows()); }
  // y of least norm with y^T M = 1^T and y = 0 on `lost` (distinct slots). When there is none: of
  // those with y^T M = 1^T the one with the least ||y_lost||, with these entries set to 0; the
  // caller sees it in y^T M - 1.
  Eigen::VectorXd Solve(std::span<const int> lost) const;

 private:
  NullSpaceDecoder(Eigen::MatrixXd null_space, Eigen::VectorXd least_norm)
      : null_space_(std::move(null_space)), least_norm_(std::move(least_norm)) {}

  Eigen::MatrixXd null_space_;  // N
  Eigen::VectorXd least_norm_;  // y0
};

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_NULL_SPACE_H_
