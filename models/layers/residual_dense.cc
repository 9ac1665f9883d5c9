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
    const Kernels& k = *pass.kernels;
    const int64_t count = pass.rows * units_;
    k.gemm(false, true, pass.rows, units_, units_, x, units_, parameters, units_, false, saved,
           units_);
    k.add_bias(pass.rows, units_, parameters + units_ * units_, saved);
    k.activate(ActivationKind::kRelu, count, saved, saved);
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] + saved[i];
  }

  void Backward(const Pass& pass, const float* parameters, const float* x, const float* /*y*/,
                const float* saved, const float* dy, float* dx, float* gradient) const override {
    const Kernels& k = *pass.kernels;
    const int64_t count = pass.rows * units_;
    float* const inner = pass.workspace->Take(count);  // at the dense layer's output
    k.activate_backward(ActivationKind::kRelu, count, saved, saved, dy, inner);
    k.gemm(true, false, units_, units_, pass.rows, inner, units_, x, units_, true, gradient,
           units_);
    k.add_column_sums(pass.rows, units_, inner, gradient + units_ * units_);
    if (dx == nullptr) return;
    k.gemm(false, false, pass.rows, units_, units_, inner, units_, parameters, units_, false, dx,
           units_);
    k.add(count, dy, dx);
  }

 private:
  int64_t units_;
};

}  // namespace

std::unique_ptr<Layer> MakeResidualDense(const Shape& input, double spread) {
  return std::make_unique<ResidualDense>(input, spread);
}

}  // namespace gradloom
