// Layers in a row, and where their parameters lie in one vector. Immutable and thread-safe.
#ifndef GRADLOOM_MODELS_LAYERS_NETWORK_H_
#define GRADLOOM_MODELS_LAYERS_NETWORK_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/layers/layer.h"
#include "models/layers/workspace.h"

namespace gradloom {

class Network {
 public:
  explicit Network(const Shape& input) : input_(input) {}

  // `name` prefixes the layer's parameters: "layers.0" gives "layers.0.weight". The layer's input
  // has as many values as output() (a dense layer flattens).
  void Add(std::unique_ptr<Layer> layer, const std::string& name);

  const Shape& input() const { return input_; }
  const Shape& output() const { return layers_.empty() ? input_ : layers_.back()->output(); }
  int64_t parameters() const { return parameters_; }
  // Of all layers' outputs for one example.
  int64_t outputs() const { return outputs_; }
  // Whether any layer does (Layer::couples_examples).
  bool couples_examples() const;

  struct Segment {
    std::string name;
    const LayerParameter* parameter;  // owned by the layer
    int64_t offset;
  };
  const std::vector<Segment>& segments() const { return segments_; }
  // Segment k's random values come from RandomStream(seed, kInitialParameters, first_stream + k):
  // several networks of one model take streams of their own.
  void Initialise(uint64_t seed, std::span<float> parameters, uint64_t first_stream = 0) const;

  // What Forward leaves for Backward; points into the pass's workspace.
  struct Trace {
    std::vector<const float*> outputs;  // by layer
    std::vector<float*> saved;
  };
  // The last layer's output.
  const float* Forward(const Pass& pass, std::span<const float> parameters, const float* x,
                       Trace* trace) const;
  // dy: the loss's gradient at the output. Adds the parameters' gradient sum to `gradient`, and
  // writes the gradient at x to dx unless it is null.
  void Backward(const Pass& pass, std::span<const float> parameters, const float* x,
                const Trace& trace, const float* dy, float* gradient, float* dx = nullptr) const;

  // Derivatives of the two at the trace's point, as the parameters move along `direction` and x
  // does not (layer.h). Points into the pass's workspace.
  struct Tangents {
    std::vector<const float*> outputs;  // by layer; null where an output does not move
  };
  // How the last layer's output moves; null when nothing is trained.
  const float* ForwardTangent(const Pass& pass, std::span<const float> parameters, const float* x,
                              const Trace& trace, std::span<const float> direction,
                              Tangents* tangents) const;
  // dy moves by tdy. Adds to `product` how the parameters' gradient moves: the Hessian times the
  // direction, when dy and tdy are those of the loss.
  void BackwardTangent(const Pass& pass, std::span<const float> parameters, const float* x,
                       const Trace& trace, std::span<const float> direction,
                       const Tangents& tangents, const float* dy, const float* tdy,
                       float* product) const;

 private:
  LayerPoint PointOf(size_t layer, std::span<const float> parameters, const float* x,
                     const Trace& trace) const;
  // Of the layers from `first` on: floats for an example.
  int64_t WidestInput(size_t first) const;

  Shape input_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<int64_t> offsets_;  // of a layer's first parameter
  std::vector<Segment> segments_;
  int64_t parameters_ = 0;
  int64_t outputs_ = 0;
  size_t first_trained_ = 0;  // layers before have no parameters: they need no gradient
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LAYERS_NETWORK_H_
