#include "coding/codes/code_math.h"

#include <cmath>

namespace gradloom {
namespace {

double Fraction(const Chunk& chunk, int64_t denominator) {
  return static_cast<double>(chunk.end - chunk.begin) / static_cast<double>(denominator);
}

}  // namespace

std::vector<Chunk> EqualChunks(int count) {
  std::vector<Chunk> chunks;
  for (int chunk = 0; chunk < count; ++chunk) chunks.push_back({chunk, chunk + 1});
  return chunks;
}

std::vector<double> RowNorms(const CodeRows& rows, const std::vector<Chunk>& chunks,
                             int64_t denominator) {
  std::vector<double> norms;
  for (const std::vector<Term>& row : rows) {
    double sum = 0;
    for (const Term& term : row) {
      sum += term.coefficient * term.coefficient * Fraction(chunks[term.chunk], denominator);
    }
    norms.push_back(std::sqrt(sum));
  }
  return norms;
}

Eigen::MatrixXd NormalisedMatrix(const CodeRows& rows, std::span<const double> norms,
                                 size_t chunks) {
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(rows.size(), chunks);
  for (size_t slot = 0; slot < rows.size(); ++slot) {
    for (const Term& term : rows[slot]) matrix(slot, term.chunk) = term.coefficient / norms[slot];
  }
  return matrix;
}

Eigen::VectorXd CoverageError(const GradientCode& code, std::span<const double> weights) {
  Eigen::VectorXd error = Eigen::VectorXd::Constant(code.chunks().size(), -1);
  for (int slot = 0; slot < code.slots(); ++slot) {
    if (weights[slot] == 0) continue;
    for (const Term& term : code.row(slot)) error[term.chunk] += weights[slot] * term.coefficient;
  }
  return error;
}

double Residual(const GradientCode& code, const Eigen::VectorXd& error) {
  double residual = 0;
  for (Eigen::Index chunk = 0; chunk < error.size(); ++chunk) {
    residual += Fraction(code.chunks()[chunk], code.denominator()) * error[chunk] * error[chunk];
  }
  return residual;
}

}  // namespace gradloom
