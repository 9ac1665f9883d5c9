// The table of kernels; see kernels.h for what holds for all of them. Apart from that header
// because the files that are built per instruction-set level include no standard library header.
#ifndef GRADLOOM_MODELS_KERNELS_KERNEL_TABLE_H_
#define GRADLOOM_MODELS_KERNELS_KERNEL_TABLE_H_

#include <stdint.h>

namespace gradloom {

enum class ActivationKind { kIdentity, kRelu, kTanh, kGelu, kSigmoid };

// Geometry of a window that slides over channels x height x width.
struct Window {
  int64_t channels = 0, height = 0, width = 0;
  int64_t kernel = 1, stride = 1, padding = 0;
  [[gnu::always_inline]] int64_t out_height() const {
    return (height + 2 * padding - kernel) / stride + 1;
  }
  [[gnu::always_inline]] int64_t out_width() const {
    return (width + 2 * padding - kernel) / stride + 1;
  }
};

struct Kernels {
  const char* level;  // "x86-64-v4"

  // C (m x n) = op(A) (m x k) op(B) (k x n), added to C when `accumulate`. op transposes: with
  // transpose_a, A is stored k x m; with transpose_b, B is stored n x k.
  void (*gemm)(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a,
               int64_t lda, const float* b, int64_t ldb, bool accumulate, float* c, int64_t ldc);
  // y[i] = a's row i . x, for rows x columns a.
  void (*row_dots)(int64_t rows, int64_t columns, const float* a, int64_t lda, const float* x,
                   float* y);
  // y += sum over i of x[i] * a's row i, rows in order.
  void (*add_weighted_rows)(int64_t rows, int64_t columns, const float* a, int64_t lda,
                            const float* x, float* y);

  // y += x;  y += a * x (product rounded before the sum, at every level).
  void (*add)(int64_t n, const float* x, float* y);
  void (*axpy)(int64_t n, float a, const float* x, float* y);
  // z = x * y, element by element; z may be x or y.
  void (*multiply)(int64_t n, const float* x, const float* y, float* z);
  // Every row of x (rows x columns, dense) gets `bias` added; sum[j] += column j's sum, rows in
  // order.
  void (*add_bias)(int64_t rows, int64_t columns, const float* bias, float* x);
  void (*add_column_sums)(int64_t rows, int64_t columns, const float* x, float* sum);

  // y = f(x); dx = dy * f'(x), where y = f(x). In place allowed: y may be x (then keep x for GELU),
  // dx may be dy. GELU is the exact one, x Phi(x).
  void (*activate)(ActivationKind kind, int64_t n, const float* x, float* y);
  void (*activate_backward)(ActivationKind kind, int64_t n, const float* x, const float* y,
                            const float* dy, float* dx);
  // z += dy * f''(x) * tx, where y = f(x): how activate_backward's dx moves as x moves along tx.
  void (*add_curvature)(ActivationKind kind, int64_t n, const float* x, const float* y,
                        const float* dy, const float* tx, float* z);
  // y = exp(x) to about 2e-7 relative; results below 1.7e-38 become 0. y may be x.
  void (*exp)(int64_t n, const float* x, float* y);
  // Index of the first value that is NaN or infinite, or n.
  int64_t (*first_non_finite)(int64_t n, const float* x);

  // mask[i] = 0 where word i of the Philox4x32-10 stream (key, counter {i/4, a, b, 0}) is below
  // `threshold`, else `scale`.
  void (*dropout_mask)(const uint32_t* key, uint32_t a, uint32_t b, uint32_t threshold, float scale,
                       int64_t n, float* mask);

  // One example. columns: (channels * kernel^2) x (out_height * out_width), zeros in the padding.
  void (*im2col)(const Window& window, const float* image, float* columns);
  // Its transpose: adds every column entry to the pixel it was read from.
  void (*col2im_add)(const Window& window, const float* columns, float* image);
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_KERNELS_KERNEL_TABLE_H_
