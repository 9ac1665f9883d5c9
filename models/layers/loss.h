// Losses: where a network's scores meet the targets. A loss is a sum over examples; its bits do not
// depend on the instruction-set level (no library function is called).
#ifndef GRADLOOM_MODELS_LAYERS_LOSS_H_
#define GRADLOOM_MODELS_LAYERS_LOSS_H_

#include <cstdint>

#include "models/kernels/kernels.h"

namespace gradloom {

enum class LossKind {
  kSquared,   // (score - target)^2 / 2, one score
  kLogistic,  // cross-entropy of sigmoid(score) and the class 0 or 1, one score
  kSoftmax,   // cross-entropy of softmax(scores) and the class, one score a class
};

struct LossSums {
  double loss = 0;
  int64_t correct = 0;   // examples whose class has the (first) highest score; squared error: 0
  int64_t bad_row = -1;  // first row whose loss is not finite or whose target is no class
};

// scores: rows x width. Writes the gradient of the loss sum at the scores, rows x width, to
// `gradient`, which may be `scores`.
LossSums ComputeLoss(LossKind kind, const Kernels& kernels, int64_t rows, int64_t width,
                     const float* scores, const float* targets, float* gradient);

// The loss sum's Hessian at the scores times `direction` (both rows x width): what the gradient
// moves by, as the scores move along it. The same for all targets. `product` may be `direction`.
void MultiplyByLossHessian(LossKind kind, const Kernels& kernels, int64_t rows, int64_t width,
                           const float* scores, const float* direction, float* product);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LAYERS_LOSS_H_
