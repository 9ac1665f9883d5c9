// Dense and sparse matrices of graph convolutions, row-major, in single precision. Sums are taken
// in a fixed order; only GEMM's bits depend on the instruction-set level.
#ifndef GRADLOOM_MODELS_WORKLOADS_GNN_MATRIX_H_
#define GRADLOOM_MODELS_WORKLOADS_GNN_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradloom {

struct Matrix {
  Matrix() = default;
  Matrix(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), values(static_cast<size_t>(rows * columns)) {}
  float* row(int64_t i) { return values.data() + i * columns; }
  const float* row(int64_t i) const { return values.data() + i * columns; }

  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<float> values;
};

// Compressed rows: row i has entries start[i] up to start[i + 1], columns ascending.
struct Csr {
  int64_t rows() const { return static_cast<int64_t>(start.size()) - 1; }
  void Add(int32_t to, float weight) {
    column.push_back(to);
    value.push_back(weight);
  }
  void EndRow() { start.push_back(static_cast<int64_t>(column.size())); }

  int64_t columns = 0;
  std::vector<int64_t> start = {0};
  std::vector<int32_t> column;
  std::vector<float> value;
};

// The columns [first, last) of a, numbered from 0.
Csr ColumnsOf(const Csr& a, int64_t first, int64_t last);
Csr Transpose(const Csr& a);
// a b; columns of `a` beyond b's rows are left out.
Csr Product(const Csr& a, const Csr& b);
// c += a b, likewise.
void AddProduct(const Csr& a, const Matrix& b, Matrix& c);

// N(x) = x / (|x| + 1e-8), row by row. Returns the norms, for the way back.
std::vector<float> NormaliseRows(Matrix& x);
// The gradient at x from the one at N(x), in place of it.
void NormaliseRowsBackward(const Matrix& normalised, const std::vector<float>& norms,
                           Matrix& gradient);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_GNN_MATRIX_H_
