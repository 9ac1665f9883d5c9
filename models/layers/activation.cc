#include "models/layers/layers.h"

namespace gradloom {
namespace {

class ActivationLayer final : public Layer {
 public:
  ActivationLayer(const Shape& input, ActivationKind kind) : kind_(kind) {
    input_ = output_ = input;
  }

  void Forward(const Pass& pass, const float* /*parameters*/, const float* x, float* y,
               float* /*saved*/) const override {
    pass.kernels->activate(kind_, pass.rows * input_.size(), x, y);
  }

  void Backward(const Pass& pass, const float* /*parameters*/, const float* x, const float* y,
                const float* /*saved*/, const float* dy, float* dx,
                float* /*gradient*/) const override {
    if (dx == nullptr) return;
    pass.kernels->activate_backward(kind_, pass.rows * input_.size(), x, y, dy, dx);
  }

 private:
  ActivationKind kind_;
};

}  // namespace

std::unique_ptr<Layer> MakeActivation(const Shape& input, ActivationKind kind) {
  return std::make_unique<ActivationLayer>(input, kind);
}

}  // namespace gradloom
