#include <algorithm>

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

  void ForwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                      float* ty) const override {
    const int64_t count = pass.rows * input_.size();
    if (along.x == nullptr) {
      std::fill_n(ty, count, 0.0f);
    } else {
      pass.kernels->activate_backward(kind_, count, at.x, at.y, along.x, ty);
    }
  }

  void BackwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                       const float* dy, const float* tdy, float* tdx,
                       float* /*product*/) const override {
    if (tdx == nullptr) return;
    const int64_t count = pass.rows * input_.size();
    pass.kernels->activate_backward(kind_, count, at.x, at.y, tdy, tdx);
    if (along.x == nullptr) return;
    pass.kernels->add_curvature(kind_, count, at.x, at.y, dy, along.x, tdx);
  }

 private:
  ActivationKind kind_;
};

}  // namespace

std::unique_ptr<Layer> MakeActivation(const Shape& input, ActivationKind kind) {
  return std::make_unique<ActivationLayer>(input, kind);
}

}  // namespace gradloom
