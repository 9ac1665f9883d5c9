// A differentiable map of examples to examples, with parameters. A layer is a pure function of its
// arguments (immutable, thread-safe) and owns no memory: whoever runs it (Network, or a workload
// that trains layers one by one) brings parameters and buffers. All examples are rows of float
// matrices; an image's row is channel by channel, row by row.
#ifndef GRADLOOM_MODELS_LAYERS_LAYER_H_
#define GRADLOOM_MODELS_LAYERS_LAYER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/kernels/kernels.h"
#include "models/layers/workspace.h"
#include "models/random.h"

namespace gradloom {

// What one example looks like. Plain features: {n, 1, 1}.
struct Shape {
  int64_t channels = 0, height = 1, width = 1;
  int64_t size() const { return channels * height * width; }
  bool operator==(const Shape&) const = default;
};

// What a pass over a sub-batch has in common for all layers.
struct Pass {
  const Kernels* kernels = nullptr;
  Workspace* workspace = nullptr;  // for what a layer needs within one call
  int64_t rows = 0;                // examples, at least 1
  // Training: random layers draw, keyed by (seed, job, ids[row], layer). Otherwise they do nothing.
  bool training = false;
  uint64_t seed = 0;
  int64_t job = 0;
  std::span<const int64_t> ids;
};

// A named part of a layer's parameters. spread > 0: initial values are drawn from
// N(0, spread^2); else they are `value`.
struct LayerParameter {
  std::string name;  // "weight"
  std::vector<int64_t> shape;
  double spread = 0;
  float value = 0;
  int64_t size() const {
    int64_t product = 1;
    for (const int64_t n : shape) product *= n;
    return product;
  }
};

// Where Forward has been, and what it left there.
struct LayerPoint {
  const float* parameters = nullptr;
  const float* x = nullptr;
  const float* y = nullptr;
  const float* saved = nullptr;
};
// In which direction a layer's parameters and x move; x: null where it does not.
struct LayerDirection {
  const float* parameters = nullptr;
  const float* x = nullptr;
};

class Layer {
 public:
  virtual ~Layer() = default;
  const Shape& input() const { return input_; }
  const Shape& output() const { return output_; }
  // In the order in which they lie in the parameter vector, without gaps.
  const std::vector<LayerParameter>& parameters() const { return parameters_; }
  // Floats that Forward leaves for Backward in `saved`.
  virtual int64_t saved(int64_t /*rows*/) const { return 0; }
  // Whether an example's y hangs on other examples, too: then none has a gradient of its own.
  virtual bool couples_examples() const { return false; }

  // y (rows x output) from x (rows x input).
  virtual void Forward(const Pass& pass, const float* parameters, const float* x, float* y,
                       float* saved) const = 0;
  // From dy, the loss's gradient at y: writes dx (unless null) and adds the sum over the examples
  // of the parameters' gradient to `gradient` (unless null). x, y and saved are those of Forward.
  // dx may not be dy.
  virtual void Backward(const Pass& pass, const float* parameters, const float* x, const float* y,
                        const float* saved, const float* dy, float* dx, float* gradient) const = 0;

  // Derivatives of the two, at the point and along the direction (Pearlmutter, "Fast exact
  // multiplication by the Hessian", 1994). Writes ty, how y moves.
  virtual void ForwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                              float* ty) const = 0;
  // dy moves by tdy. Writes tdx, how dx moves (unless null), and adds how the gradient's sum moves
  // to `product` (unless null). tdx may be neither dy nor tdy.
  virtual void BackwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                               const float* dy, const float* tdy, float* tdx,
                               float* product) const = 0;

 protected:
  Shape input_;
  Shape output_;
  std::vector<LayerParameter> parameters_;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LAYERS_LAYER_H_
