#include <algorithm>

#include "absl/strings/str_cat.h"
#include "models/layers/activation.h"
#include "models/layers/layer_kind.h"
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
    Convolve(pass, parameters, parameters + channels_ * depth_, x, y);
  }

  void Backward(const Pass& pass, const float* parameters, const float* x, const float* /*y*/,
                const float* /*saved*/, const float* dy, float* dx,
                float* gradient) const override {
    if (dx != nullptr) std::fill_n(dx, pass.rows * input_.size(), 0.0f);
    AddBack(pass, parameters, x, dy, dx, gradient,
            gradient == nullptr ? nullptr : gradient + channels_ * depth_);
  }

  // Linear in x and in the parameters: each moves by itself.
  void ForwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                      float* ty) const override {
    Forward(pass, along.parameters, at.x, ty, nullptr);
    if (along.x != nullptr) Convolve(pass, at.parameters, nullptr, along.x, ty);
  }

  void BackwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                       const float* dy, const float* tdy, float* tdx,
                       float* product) const override {
    Backward(pass, at.parameters, at.x, at.y, at.saved, tdy, tdx, product);
    AddBack(pass, along.parameters, along.x, dy, tdx, along.x == nullptr ? nullptr : product,
            nullptr);
  }

 private:
  // y is the bias (null: y as it is) + x convolved with the weights.
  void Convolve(const Pass& pass, const float* weights, const float* bias, const float* x,
                float* y) const {
    const Kernels& k = *pass.kernels;
    float* const columns = pass.workspace->Take(depth_ * pixels_);
    for (int64_t row = 0; row < pass.rows; ++row, x += input_.size(), y += output_.size()) {
      k.im2col(window_, x, columns);
      for (int64_t channel = 0; bias != nullptr && channel < channels_; ++channel) {
        std::fill_n(y + channel * pixels_, pixels_, bias[channel]);
      }
      k.gemm(false, false, channels_, pixels_, depth_, weights, depth_, columns, pixels_, true, y,
             pixels_);
    }
  }

  // The transposes, each unless null: dx += dy by the weights, and what multiplies the weights and
  // the bias.
  void AddBack(const Pass& pass, const float* weights, const float* x, const float* dy, float* dx,
               float* weight_sum, float* bias_sum) const {
    const Kernels& k = *pass.kernels;
    float* const columns = pass.workspace->Take(depth_ * pixels_);
    float* const sums = pass.workspace->Take(channels_);
    float* const ones = pass.workspace->Take(pixels_);
    std::fill_n(ones, pixels_, 1.0f);
    for (int64_t row = 0; row < pass.rows; ++row, dy += output_.size()) {
      if (weight_sum != nullptr) {
        k.im2col(window_, x + row * input_.size(), columns);
        k.gemm(false, true, channels_, depth_, pixels_, dy, pixels_, columns, pixels_, true,
               weight_sum, depth_);
      }
      if (bias_sum != nullptr) {
        k.row_dots(channels_, pixels_, dy, pixels_, ones, sums);
        k.add(channels_, sums, bias_sum);
      }
      if (dx == nullptr) continue;
      k.gemm(true, false, depth_, pixels_, channels_, weights, depth_, dy, pixels_, false, columns,
             pixels_);
      k.col2im_add(window_, columns, dx + row * input_.size());
    }
  }

  Window window_;
  int64_t channels_;
  int64_t depth_;   // values a window sees
  int64_t pixels_;  // of an output channel
};

constexpr NumberField kNumbers[] = {
    {"channels", kUnitsRange},
    {"kernel", Within(1, 1 << 10), 3},
    {"stride", kStrideRange, 1},
    {"padding", AtLeast(0), 0},
};

void Check(const v1::LayerSpec& layer, const std::string& field, Findings* findings) {
  const v1::Conv& spec = layer.conv();
  findings->Require(spec.kernel() == 0 || spec.padding() < spec.kernel(), field + ".padding",
                    spec.padding(),
                    absl::StrCat("less than the kernel's size, which is ", spec.kernel()));
}

absl::Status Add(const v1::LayerSpec& layer, const LayerPlace& place, Network* network) {
  const v1::Conv& spec = layer.conv();
  const Shape input = network->output();
  const int64_t channels = spec.channels(), kernel = spec.kernel(), stride = spec.stride(),
                padding = spec.padding();
  absl::Status status = WindowFits(place.field + ".kernel", kernel, padding, input);
  if (!status.ok()) return status;
  const int64_t height = (input.height + 2 * padding - kernel) / stride + 1;
  const int64_t width = (input.width + 2 * padding - kernel) / stride + 1;
  const int64_t window = kernel * kernel;
  status = FitsInto(kMaxLayerParameters, place.field, "its parameters",
                    {channels, input.channels, window});
  status.Update(FitsInto(kMaxLayerOutputs, place.field, "its outputs", {channels, height, width}));
  status.Update(FitsInto(kMaxLayerColumns, place.field, "its windows",
                         {input.channels, window, height, width}));
  if (!status.ok()) return status;
  const double spread =
      InitialSpread(ActivationOf(spec.activation()), input.channels * window, channels * window);
  network->Add(MakeConvolution(input, channels, kernel, stride, padding, spread), place.name);
  AddActivation(spec.activation(), network);
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<Layer> MakeConvolution(const Shape& input, int64_t channels, int64_t kernel,
                                       int64_t stride, int64_t padding, double spread) {
  return std::make_unique<Convolution>(input, channels, kernel, stride, padding, spread);
}

extern const LayerKind kConvolutionLayer = {
    .spec = {.kind = v1::LayerSpec::kConv,
             .numbers = kNumbers,
             .fill = [](v1::LayerSpec* layer) { FillActivation(layer->mutable_conv()); },
             .check = Check},
    .add = Add,
};

}  // namespace gradloom
