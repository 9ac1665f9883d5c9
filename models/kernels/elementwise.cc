// Everything but GEMM and activations, of one instruction-set level, and the level's table. Plain
// loops for the compiler to vectorise; where a loop is a reduction, the order of its sum is written
// out (kLanes partial sums), so that no level and no alignment can change it.
#include "models/kernels/level.h"

namespace gradloom::GRADLOOM_LEVEL {
namespace {

constexpr int kLanes = 32;

float Dot(int64_t n, const float* x, const float* y) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += x[i + lane] * y[i + lane];
  }
  for (int lane = 0; i + lane < n; ++lane) lanes[lane] += x[i + lane] * y[i + lane];
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

void RowDots(int64_t rows, int64_t columns, const float* a, int64_t lda, const float* x, float* y) {
  for (int64_t i = 0; i < rows; ++i) y[i] = Dot(columns, a + i * lda, x);
}

void AddWeightedRows(int64_t rows, int64_t columns, const float* a, int64_t lda, const float* x,
                     float* y) {
  // A strip of y stays in the first-level cache while all rows pass.
  constexpr int64_t kStrip = 2048;
  for (int64_t first = 0; first < columns; first += kStrip) {
    const int64_t n = columns - first < kStrip ? columns - first : kStrip;
    float* const strip = y + first;
    for (int64_t i = 0; i < rows; ++i) {
      const float* const row = a + i * lda + first;
      const float weight = x[i];
      for (int64_t j = 0; j < n; ++j) strip[j] += weight * row[j];
    }
  }
}

void Add(int64_t n, const float* x, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] += x[i];
}

void Axpy(int64_t n, float a, const float* x, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] += a * x[i];
}

void Multiply(int64_t n, const float* x, const float* y, float* z) {
  for (int64_t i = 0; i < n; ++i) z[i] = x[i] * y[i];
}

void AddBias(int64_t rows, int64_t columns, const float* bias, float* x) {
  for (int64_t i = 0; i < rows; ++i) Add(columns, bias, x + i * columns);
}

void AddColumnSums(int64_t rows, int64_t columns, const float* x, float* sum) {
  for (int64_t i = 0; i < rows; ++i) Add(columns, x + i * columns, sum);
}

int64_t FirstNonFinite(int64_t n, const float* x) {
  constexpr uint32_t kExponent = 0x7f800000u;
  constexpr int64_t kBlock = 1024;
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t last = first + kBlock < n ? first + kBlock : n;
    uint32_t found = 0;
    for (int64_t i = first; i < last; ++i) {
      found |= (__builtin_bit_cast(uint32_t, x[i]) & kExponent) == kExponent ? 1u : 0u;
    }
    if (found == 0) continue;
    for (int64_t i = first; i < last; ++i) {
      if ((__builtin_bit_cast(uint32_t, x[i]) & kExponent) == kExponent) return i;
    }
  }
  return n;
}

}  // namespace

// Philox4x32-10 (Salmon et al., SC 2011), kBlocks counters side by side.
void DropoutMask(const uint32_t* key, uint32_t a, uint32_t b, uint32_t threshold, float scale,
                 int64_t n, float* mask) {
  constexpr int kBlocks = 16;
  for (int64_t first = 0; first < n; first += 4 * kBlocks) {
    uint32_t words[4][kBlocks];
    for (int i = 0; i < kBlocks; ++i) {
      words[0][i] = static_cast<uint32_t>(first / 4 + i);
      words[1][i] = a;
      words[2][i] = b;
      words[3][i] = 0;
    }
    uint32_t key0 = key[0], key1 = key[1];
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < kBlocks; ++i) {
        const uint64_t product0 = uint64_t{0xD2511F53u} * words[0][i];
        const uint64_t product1 = uint64_t{0xCD9E8D57u} * words[2][i];
        const uint32_t word1 = words[1][i], word3 = words[3][i];
        words[0][i] = static_cast<uint32_t>(product1 >> 32) ^ word1 ^ key0;
        words[1][i] = static_cast<uint32_t>(product1);
        words[2][i] = static_cast<uint32_t>(product0 >> 32) ^ word3 ^ key1;
        words[3][i] = static_cast<uint32_t>(product0);
      }
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
    const int64_t count = n - first < 4 * kBlocks ? n - first : 4 * kBlocks;
    for (int64_t i = 0; i < count; ++i) {
      mask[first + i] = words[i % 4][i / 4] < threshold ? 0.0f : scale;
    }
  }
}

extern const Kernels kTable;
const Kernels kTable = {
    .level = GRADLOOM_LEVEL_NAME,
    .gemm = &Gemm,
    .row_dots = &RowDots,
    .add_weighted_rows = &AddWeightedRows,
    .add = &Add,
    .axpy = &Axpy,
    .multiply = &Multiply,
    .add_bias = &AddBias,
    .add_column_sums = &AddColumnSums,
    .activate = &Activate,
    .activate_backward = &ActivateBackward,
    .add_curvature = &AddCurvature,
    .exp = &Exp,
    .first_non_finite = &FirstNonFinite,
    .dropout_mask = &DropoutMask,
    .im2col = &Im2Col,
    .col2im_add = &Col2ImAdd,
};

}  // namespace gradloom::GRADLOOM_LEVEL
