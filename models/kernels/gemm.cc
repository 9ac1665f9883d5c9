// Matrix product of one instruction-set level, on Eigen's packing and inner kernels, with our own
// block sizes: Eigen derives its own from the processor's caches, and the depth of a block decides
// the order of summation, hence the bits.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in GCC 12's own AVX-512 header
#endif
#define EIGEN_DONT_PARALLELIZE
#define EIGEN_NO_DEBUG
#include <Eigen/Core>

#include "models/kernels/level.h"

namespace gradloom::GRADLOOM_LEVEL {
namespace {

using Eigen::ColMajor;
using Eigen::Index;
using Eigen::RowMajor;

// Multiples of every level's register tile (48 x 4 at most). A packed block of depth x rows stays
// in the second-level cache, one of depth x columns may be larger.
constexpr Index kDepth = 256;
constexpr Index kRows = 288;
constexpr Index kColumns = 1024;
constexpr Index kTile = 48;
constexpr Index kTranspose = 64 * 1024;
static_assert(kDepth * (kRows + kColumns) + kTranspose <= kGemmScratch);

// The largest equal parts of `size`, none above `limit`, rounded up to a multiple.
Index Block(Index size, Index limit, Index multiple) {
  const Index parts = (size + limit - 1) / limit;
  const Index part = (size + parts - 1) / parts;
  const Index rounded = (part + multiple - 1) / multiple * multiple;
  return rounded < limit ? rounded : limit;
}

struct Blocking : Eigen::internal::level3_blocking<float, float> {
  Blocking(Index rows, Index columns, Index depth, float* scratch) {
    m_mc = Block(rows, kRows, kTile);
    m_nc = Block(columns, kColumns, 4);
    m_kc = Block(depth, kDepth, 8);
    m_blockA = scratch;
    m_blockB = scratch + kDepth * kRows;
  }
};

// Column-major C += L R, with L and R of the given storage orders.
template <int left_order, int right_order>
void Product(Index rows, Index columns, Index depth, const float* left, Index left_stride,
             const float* right, Index right_stride, float* c, Index stride, float* scratch) {
  Blocking blocking(rows, columns, depth, scratch);
  Eigen::internal::general_matrix_matrix_product<Index, float, left_order, false, float,
                                                 right_order, false, ColMajor,
                                                 1>::run(rows, columns, depth, left, left_stride,
                                                         right, right_stride, c, 1, stride, 1.0f,
                                                         blocking, nullptr);
}

void Product(bool left_by_rows, bool right_by_rows, Index rows, Index columns, Index depth,
             const float* left, Index left_stride, const float* right, Index right_stride, float* c,
             Index stride, float* scratch) {
  auto* product =
      left_by_rows ? (right_by_rows ? &Product<RowMajor, RowMajor> : &Product<RowMajor, ColMajor>)
                   : (right_by_rows ? &Product<ColMajor, RowMajor> : &Product<ColMajor, ColMajor>);
  product(rows, columns, depth, left, left_stride, right, right_stride, c, stride, scratch);
}

}  // namespace

void Gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a,
          int64_t lda, const float* b, int64_t ldb, bool accumulate, float* c, int64_t ldc) {
  if (!accumulate) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) c[i * ldc + j] = 0;
    }
  }
  if (m == 0 || n == 0 || k == 0) return;
  float* const scratch = GemmScratch();
  // Row-major C is column-major C^T = op(B)^T op(A)^T: the register tile's long side runs along n.
  // Where n is short, C is computed the other way round and transposed when added.
  if (n < 16 && m > n) {
    float* const turned = scratch + kDepth * (kRows + kColumns);
    const Index strip = kTranspose / 16;
    for (Index first = 0; first < m; first += strip) {
      const Index rows = m - first < strip ? m - first : strip;
      for (Index i = 0; i < rows * n; ++i) turned[i] = 0;
      Product(!transpose_a, !transpose_b, rows, n, k, a + (transpose_a ? first : first * lda), lda,
              b, ldb, turned, rows, scratch);
      for (Index i = 0; i < rows; ++i) {
        for (Index j = 0; j < n; ++j) c[(first + i) * ldc + j] += turned[j * rows + i];
      }
    }
    return;
  }
  Product(transpose_b, transpose_a, n, m, k, b, ldb, a, lda, c, ldc, scratch);
}

}  // namespace gradloom::GRADLOOM_LEVEL
