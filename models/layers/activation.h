// The activations of run.proto as a table, and what is before one in a network. The functions
// themselves are kernels (models/kernels).
#ifndef GRADLOOM_MODELS_LAYERS_ACTIVATION_H_
#define GRADLOOM_MODELS_LAYERS_ACTIVATION_H_

#include <cstdint>

#include "gradloom/v1/run.pb.h"
#include "models/kernels/kernels.h"

namespace gradloom {

// What is meant by saying nothing.
inline constexpr v1::Activation kDefaultActivation = v1::RELU;
template <typename Layer>
void FillActivation(Layer* layer) {
  if (layer->activation() == v1::ACTIVATION_UNSPECIFIED) layer->set_activation(kDefaultActivation);
}

// Of one that run.proto knows.
ActivationKind ActivationOf(v1::Activation activation);

// Standard deviation of initial weights: He et al. 2015 before ReLU and GELU, Glorot and Bengio
// 2010 before the others.
double InitialSpread(ActivationKind next, int64_t fan_in, int64_t fan_out);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LAYERS_ACTIVATION_H_
