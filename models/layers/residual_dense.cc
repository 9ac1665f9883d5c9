#include "models/layers/layers.h"

namespace gradloom {
namespace {

// The rectified values are kept: y - x would not tell a small one from none.
class ResidualDense final : public Layer {
 public:
  ResidualDense(const Shape& input, double spread) : units_(input.size()) {
    input_ = output_ = input;
    parameters_ = {{"weight", {units_, units_}, spread, 0}, {"bias", {units_}, 0, 0}};
  }

  int64_t saved(int64_t rows) const override { return rows * units_; }

  void Forward(const Pass& pass, const float* parameters, const float* x, float* y,
               float* saved) const override {
    const int64_t count = pass.rows * units_;
    Linear(pass, parameters, x, saved);
    pass.kernels->activate(ActivationKind::kRelu, count, saved, saved);
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] + saved[i];
  }

  void Backward(const Pass& pass, const float* parameters, const float* x, const float* /*y*/,
                const float* saved, const float* dy, float* dx, float* gradient) const override {
    const Kernels& k = *pass.kernels;
    const float* const inner = Rectified(pass, saved, dy);  // at the dense layer's output
    if (gradient != nullptr) {
      AddProducts(pass, x, inner, gradient);
      k.add_column_sums(pass.rows, units_, inner, gradient + units_ * units_);
    }
    if (dx == nullptr) return;
    MultiplyBack(pass, parameters, inner, false, dx);
    k.add(pass.rows * units_, dy, dx);
  }

  // The dense layer is linear in x and in the parameters: each moves by itself.
  void ForwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                      float* ty) const override {
    const Kernels& k = *pass.kernels;
    const int64_t count = pass.rows * units_;
    float* const inner = pass.workspace->Take(count);
    Linear(pass, along.parameters, at.x, inner);
    if (along.x != nullptr) {
      k.gemm(false, true, pass.rows, units_, units_, along.x, units_, at.parameters, units_, true,
             inner, units_);
    }
    k.activate_backward(ActivationKind::kRelu, count, at.saved, at.saved, inner, ty);
    if (along.x != nullptr) k.add(count, along.x, ty);
  }

  void BackwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                       const float* dy, const float* tdy, float* tdx,
                       float* product) const override {
    Backward(pass, at.parameters, at.x, at.y, at.saved, tdy, tdx, product);
    const float* const inner = Rectified(pass, at.saved, dy);
    if (product != nullptr && along.x != nullptr) AddProducts(pass, along.x, inner, product);
    if (tdx != nullptr) MultiplyBack(pass, along.parameters, inner, true, tdx);
  }

 private:
  // y = x W^T + b
  void Linear(const Pass& pass, const float* parameters, const float* x, float* y) const {
    const Kernels& k = *pass.kernels;
    k.gemm(false, true, pass.rows, units_, units_, x, units_, parameters, units_, false, y, units_);
    k.add_bias(pass.rows, units_, parameters + units_ * units_, y);
  }
  // dy where the rectified values are not 0; in the workspace.
  const float* Rectified(const Pass& pass, const float* saved, const float* dy) const {
    const int64_t count = pass.rows * units_;
    float* const inner = pass.workspace->Take(count);
    pass.kernels->activate_backward(ActivationKind::kRelu, count, saved, saved, dy, inner);
    return inner;
  }
  // dx (+)= dy W
  void MultiplyBack(const Pass& pass, const float* weights, const float* dy, bool accumulate,
                    float* dx) const {
    pass.kernels->gemm(false, false, pass.rows, units_, units_, dy, units_, weights, units_,
                       accumulate, dx, units_);
  }
  // sum += dy^T x
  void AddProducts(const Pass& pass, const float* x, const float* dy, float* sum) const {
    pass.kernels->gemm(true, false, units_, units_, pass.rows, dy, units_, x, units_, true, sum,
                       units_);
  }

  int64_t units_;
};

}  // namespace

std::unique_ptr<Layer> MakeResidualDense(const Shape& input, double spread) {
  return std::make_unique<ResidualDense>(input, spread);
}

}  // namespace gradloom
