#include "models/workloads/sparse.h"

#include <algorithm>

namespace gradloom {

void SparseForward(const SparseRows& x, int64_t features, int64_t width, const float* weights,
                   const float* bias, float* scores) {
  for (int64_t row = 0; row < x.rows; ++row) {
    for (int64_t unit = 0; unit < width; ++unit) {
      const float* const weight = weights + unit * features;
      float score = bias == nullptr ? 0.0f : bias[unit];
      for (int64_t k = x.row_start[row]; k < x.row_start[row + 1]; ++k) {
        score += x.value[k] * weight[x.column[k]];
      }
      scores[row * width + unit] = score;
    }
  }
}

void SparseBackward(const SparseRows& x, int64_t features, int64_t width, const float* dy,
                    float* weights_gradient, float* bias_gradient) {
  for (int64_t row = 0; row < x.rows; ++row) {
    for (int64_t unit = 0; unit < width; ++unit) {
      const float slope = dy[row * width + unit];
      float* const gradient = weights_gradient + unit * features;
      for (int64_t k = x.row_start[row]; k < x.row_start[row + 1]; ++k) {
        gradient[x.column[k]] += slope * x.value[k];
      }
      if (bias_gradient != nullptr) bias_gradient[unit] += slope;
    }
  }
}

void WriteOut(const SparseRows& x, int64_t features, float* dense) {
  std::fill_n(dense, x.rows * features, 0.0f);
  for (int64_t row = 0; row < x.rows; ++row, dense += features) {
    for (int64_t k = x.row_start[row]; k < x.row_start[row + 1]; ++k) {
      dense[x.column[k]] += x.value[k];
    }
  }
}

}  // namespace gradloom
