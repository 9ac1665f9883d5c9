#include <algorithm>

#include "models/layers/layers.h"

namespace gradloom {
namespace {

// One example at a time as a matrix product on its windows laid out as columns. The columns (a few
// hundred kB) stay in the second-level cache, and are laid out again on the way back.
class Convolution final : public Layer {
 public:
  Convolution(const Shape& input, int64_t channels, int64_t kernel, int64_t stride, int64_t padding,
              double spread)
      : window_{input.channels, input.height, input.width, kernel, stride, padding},
        channels_(channels),
        depth_(input.channels * kernel * kernel),
        pixels_(window_.out_height() * window_.out_width()) {
    input_ = input;
    output_ = {channels, window_.out_height(), window_.out_width()};
    parameters_ = {{"weight", {channels, input.channels, kernel, kernel}, spread, 0},
                   {"bias", {channels}, 0, 0}};
  }

  void Forward(const Pass& pass, const float* parameters, const float* x, float* y,
               float* /*saved*/) const override {
    const Kernels& k = *pass.kernels;
    const float* const bias = parameters + channels_ * depth_;
    float* const columns = pass.workspace->Take(depth_ * pixels_);
    for (int64_t row = 0; row < pass.rows; ++row, x += input_.size(), y += output_.size()) {
      k.im2col(window_, x, columns);
      for (int64_t channel = 0; channel < channels_; ++channel) {
        std::fill_n(y + channel * pixels_, pixels_, bias[channel]);
      }
      k.gemm(false, false, channels_, pixels_, depth_, parameters, depth_, columns, pixels_, true,
             y, pixels_);
    }
  }

  void Backward(const Pass& pass, const float* parameters, const float* x, const float* /*y*/,
                const float* /*saved*/, const float* dy, float* dx,
                float* gradient) const override {
    const Kernels& k = *pass.kernels;
    float* const bias_gradient = gradient + channels_ * depth_;
    float* const columns = pass.workspace->Take(depth_ * pixels_);
    float* const sums = pass.workspace->Take(channels_);
    float* const ones = pass.workspace->Take(pixels_);
    std::fill_n(ones, pixels_, 1.0f);
    if (dx != nullptr) std::fill_n(dx, pass.rows * input_.size(), 0.0f);
    for (int64_t row = 0; row < pass.rows; ++row, x += input_.size(), dy += output_.size()) {
      k.im2col(window_, x, columns);
      k.gemm(false, true, channels_, depth_, pixels_, dy, pixels_, columns, pixels_, true, gradient,
             depth_);
      k.row_dots(channels_, pixels_, dy, pixels_, ones, sums);
      k.add(channels_, sums, bias_gradient);
      if (dx == nullptr) continue;
      k.gemm(true, false, depth_, pixels_, channels_, parameters, depth_, dy, pixels_, false,
             columns, pixels_);
      k.col2im_add(window_, columns, dx + row * input_.size());
    }
  }

 private:
  Window window_;
  int64_t channels_;
  int64_t depth_;   // values a window sees
  int64_t pixels_;  // of an output channel
};

}  // namespace

std::unique_ptr<Layer> MakeConvolution(const Shape& input, int64_t channels, int64_t kernel,
                                       int64_t stride, int64_t padding, double spread) {
  return std::make_unique<Convolution>(input, channels, kernel, stride, padding, spread);
}

}  // namespace gradloom
