// What approximate codes share. They load slots less than an exact code of the same tolerance, and
// answer with the best estimate that the replies allow: weights a minimising
// residual = sum_j f_j (alpha_j - 1)^2 with alpha = a^T B, and among those the ones of least
// amplification. tolerance() = s: fewer than n - s replies are not enough, by decree.
//
// Bias. alpha is the projection of 1 onto the row space of the replies, hence mean(alpha) = 1 -
// residual. Whenever chance treats all chunks alike, E[alpha_j | residual] = 1 - residual, so that
// weights divided by 1 - residual (CodeParameters::unbiased) give E[decoded sum] = sum exactly, at
// the price of a residual r/(1-r) instead of r. Chance treats chunks alike when
//  - a job's examples are drawn (or assigned to chunks) at random: any code, any stragglers; this
//  is
//    how mini-batches are drawn here;
//  - or the code has a symmetry that moves any chunk to any other, and all straggler sets of one
//  size
//    are equally likely: pairwise_balanced (rotations), early_stop with groups of equal size;
//  - or over the seed of the code, whatever the stragglers: graph (chunks are labelled at random)
//    and bernoulli.
// For a fixed random code, fixed data and random stragglers E[alpha_j] differs between chunks: a
// chunk with fewer copies counts less.
#ifndef GRADLOOM_CODING_CODES_APPROXIMATE_H_
#define GRADLOOM_CODING_CODES_APPROXIMATE_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "coding/code.h"
#include "coding/codes/code_math.h"
#include "coding/codes/code_table.h"

namespace gradloom {

// Residual to expect with s of n slots missing at random, for the default degrees.
inline constexpr double kTargetResidual = 0.02;

// Copies of a chunk such that all are missing with probability (s/n)^d <= kTargetResidual, at most
// the s + 1 of an exact code. This is the residual of fractional repetition, and about that of
// regular graphs with optimal decoding (Glasgow and Wootters 2021).
int DefaultDegree(int slots, int s);
// Likewise when the number of copies is random, about Poisson: exp(-d (1 - s/n)).
int DefaultBernoulliDegree(int slots, int s);
// parameters.degree, or `otherwise` when that is 0.
int DegreeOr(const CodeParameters& parameters, int otherwise);

// OK when at most code.tolerance() replies are missing; FailedPrecondition counts them otherwise.
absl::Status CheckTolerance(const GradientCode& code, const std::vector<bool>& received);

struct SparseCodeSpec {
  absl::string_view name;  // of static storage duration
  int chunks = 1;          // of equal size
  CodeRows rows;           // none empty
  int s = 0;
  bool unbiased = false;
};

// A code decoded by sparse least squares (conjugate gradients from 0, which converge to the
// solution of least norm).
std::unique_ptr<GradientCode> MakeLeastSquaresCode(SparseCodeSpec spec);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_APPROXIMATE_H_
