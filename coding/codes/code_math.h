// The few formulas that all codes with real coefficients share.
#ifndef GRADLOOM_CODING_CODES_CODE_MATH_H_
#define GRADLOOM_CODING_CODES_CODE_MATH_H_

#include <cstdint>
#include <span>
#include <vector>

#include "Eigen/Core"
#include "coding/code.h"

namespace gradloom {

using CodeRows = std::vector<std::vector<Term>>;

// [0, count) in chunks of one unit each.
std::vector<Chunk> EqualChunks(int count);

// r_i = sqrt(sum_j f_j B(i,j)^2), f_j chunk j's fraction of the data.
std::vector<double> RowNorms(const CodeRows& rows, const std::vector<Chunk>& chunks,
                             int64_t denominator);

// B with row i divided by norms[i].
Eigen::MatrixXd NormalisedMatrix(const CodeRows& rows, std::span<const double> norms,
                                 size_t chunks);

// (a^T B)_j - 1 for every chunk j.
Eigen::VectorXd CoverageError(const GradientCode& code, std::span<const double> weights);

// sum_j f_j error_j^2.
double Residual(const GradientCode& code, const Eigen::VectorXd& error);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_CODE_MATH_H_
