// Between the files that are compiled once per instruction-set level. GRADLOOM_LEVEL is the level's
// identifier (baseline, v3, v4), GRADLOOM_LEVEL_NAME its name; both come from CMake.
//
// These files must not emit an inline function or template that another file also emits: the linker
// keeps one copy, and one with AVX-512 instructions would crash elsewhere on an older processor.
// So they use no standard library template, Eigen's namespace is renamed per level (a definition of
// the macro `Eigen`), and a test looks at the symbols of the object files.
#ifndef GRADLOOM_MODELS_KERNELS_LEVEL_H_
#define GRADLOOM_MODELS_KERNELS_LEVEL_H_

#include <stdint.h>

#include "models/kernels/kernel_table.h"

namespace gradloom {

// This thread's memory for GEMM's packed blocks: kGemmScratch floats, aligned to 64 bytes.
inline constexpr int64_t kGemmScratch = 1 << 20;
float* GemmScratch();

namespace GRADLOOM_LEVEL {

void Gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a,
          int64_t lda, const float* b, int64_t ldb, bool accumulate, float* c, int64_t ldc);
void Im2Col(const Window& window, const float* image, float* columns);
void Col2ImAdd(const Window& window, const float* columns, float* image);
void DropoutMask(const uint32_t* key, uint32_t a, uint32_t b, uint32_t threshold, float scale,
                 int64_t n, float* mask);
void Activate(ActivationKind kind, int64_t n, const float* x, float* y);
void ActivateBackward(ActivationKind kind, int64_t n, const float* x, const float* y,
                      const float* dy, float* dx);
void AddCurvature(ActivationKind kind, int64_t n, const float* x, const float* y, const float* dy,
                  const float* tx, float* z);
void Exp(int64_t n, const float* x, float* y);

}  // namespace GRADLOOM_LEVEL
}  // namespace gradloom

#endif  // GRADLOOM_MODELS_KERNELS_LEVEL_H_
