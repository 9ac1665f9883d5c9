// A NoProp block: from an example x and a noisy embedding z (and the time, where one block serves
// all), one row of outputs an example: scores of the classes, or a velocity.
//
// Two paths are added up in front of a last ReLU and dense layer, which is what a dense layer on
// their concatenation does; x's path can so be walked once for many z. Immutable, thread-safe.
#ifndef GRADLOOM_MODELS_WORKLOADS_NOPROP_DENOISER_H_
#define GRADLOOM_MODELS_WORKLOADS_NOPROP_DENOISER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/layers/network.h"
#include "models/workloads/workload.h"

namespace gradloom {

struct DenoiserShape {
  Shape example;
  int64_t dimension = 0;  // of an embedding
  int64_t outputs = 0;
  int64_t hidden = 0;
  bool timed = false;  // takes the time, as 64 sines and cosines
  // Empty: x's path is a dense layer. Else convolutions 3x3 with ReLU, maximum pooling by two and
  // dropout, then two dense layers; z's path gets a residual layer.
  std::vector<int64_t> channels = {};
  double dropout = 0;
  uint32_t first_dropout = 0;  // number of the block's first dropout layer in the model
};

class Denoiser {
 public:
  explicit Denoiser(const DenoiserShape& shape);

  int64_t parameters() const {
    return example_.parameters() + embedding_.parameters() + head_.parameters();
  }
  // Of parameters that begin at `offset`, names prefixed by `prefix`.
  std::vector<ParameterTensor> Tensors(const std::string& prefix, int64_t offset) const;
  // Random streams first_stream .. first_stream + kStreams - 1.
  static constexpr uint64_t kStreams = 128;
  void Initialise(uint64_t seed, std::span<float> values, uint64_t first_stream) const;

  struct Trace {
    Network::Trace example, embedding, head;
    const float* given = nullptr;   // to z's path
    const float* joined = nullptr;  // to the head
  };
  // What x contributes, rows x hidden.
  const float* Read(const Pass& pass, std::span<const float> parameters, const float* x,
                    Trace* trace) const;
  // The outputs. `times` is null unless the shape is timed.
  const float* Forward(const Pass& pass, std::span<const float> parameters, const float* read,
                       const float* z, const double* times, Trace* trace) const;
  // Adds the parameters' gradient, and writes the one at z unless dz is null.
  void Backward(const Pass& pass, std::span<const float> parameters, const float* x,
                const Trace& trace, const float* d_outputs, float* dz, float* gradient) const;

 private:
  std::span<const float> Embedding(std::span<const float> parameters) const {
    return parameters.subspan(static_cast<size_t>(example_.parameters()));
  }
  std::span<const float> Head(std::span<const float> parameters) const {
    return Embedding(parameters).subspan(static_cast<size_t>(embedding_.parameters()));
  }

  int64_t dimension_;
  Network example_, embedding_, head_;  // their parameters lie in this order
  std::vector<double> frequencies_;     // empty unless timed
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_NOPROP_DENOISER_H_
