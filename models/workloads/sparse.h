// Rows of sparse examples, and a dense layer on them. Touches the parameters and gradients of the
// features that occur, and no others.
#ifndef GRADLOOM_MODELS_WORKLOADS_SPARSE_H_
#define GRADLOOM_MODELS_WORKLOADS_SPARSE_H_

#include <cstdint>

namespace gradloom {

// CSR: row i has entries row_start[i] .. row_start[i + 1] of column and value.
struct SparseRows {
  int64_t rows = 0;
  const int64_t* row_start = nullptr;
  const int32_t* column = nullptr;
  const float* value = nullptr;
};

// scores (rows x width) = rows * weights^T + bias; weights width x features, bias null for none.
void SparseForward(const SparseRows& x, int64_t features, int64_t width, const float* weights,
                   const float* bias, float* scores);
// Adds the gradients' sums, dy: rows x width.
void SparseBackward(const SparseRows& x, int64_t features, int64_t width, const float* dy,
                    float* weights_gradient, float* bias_gradient);
// The same rows written out, rows x features.
void WriteOut(const SparseRows& x, int64_t features, float* dense);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_SPARSE_H_
