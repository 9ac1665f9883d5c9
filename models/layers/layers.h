// The layers. Each is made from valid arguments only (workloads check specs and name the fields).
#ifndef GRADLOOM_MODELS_LAYERS_LAYERS_H_
#define GRADLOOM_MODELS_LAYERS_LAYERS_H_

#include <cstdint>
#include <memory>

#include "models/layers/layer.h"

namespace gradloom {

// y = x W^T + b. Parameters: weight [units, inputs], drawn with standard deviation `spread` (0: all
// zero); bias [units], zero, unless there is to be none.
std::unique_ptr<Layer> MakeDense(const Shape& input, int64_t units, double spread,
                                 bool bias = true);
// y = x + ReLU(x W^T + b), as many units as inputs: a dense layer with a skip connection.
std::unique_ptr<Layer> MakeResidualDense(const Shape& input, double spread);
// Square kernels; weight [channels, input channels, kernel, kernel], bias [channels].
// The padded input is at least as large as the kernel.
std::unique_ptr<Layer> MakeConvolution(const Shape& input, int64_t channels, int64_t kernel,
                                       int64_t stride, int64_t padding, double spread);
std::unique_ptr<Layer> MakeActivation(const Shape& input, ActivationKind kind);
// Windows that do not fit entirely are left out, as for a convolution without padding.
// Maximum: the gradient goes to the first of equal maxima.
std::unique_ptr<Layer> MakeMaxPool(const Shape& input, int64_t size, int64_t stride);
std::unique_ptr<Layer> MakeAveragePool(const Shape& input, int64_t size, int64_t stride);
// Every unit is dropped with the probability, the others scaled by 1 / (1 - probability).
// 0 < probability < 1. `number` tells the dropout layers of one network apart.
std::unique_ptr<Layer> MakeDropout(const Shape& input, double probability, uint32_t number);
// Ghost batch normalisation (Hoffer et al. 2017): mean and variance per channel over `group`
// consecutive examples of a sub-batch (its last group may be shorter) and all pixels, in training
// and in evaluation: there are no running averages, which would not be a sum over examples.
// Parameters: weight [channels] (1), bias [channels] (0).
std::unique_ptr<Layer> MakeGhostBatchNorm(const Shape& input, int64_t group, double epsilon);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LAYERS_LAYERS_H_
