#include "models/layers/activation.h"
#include "models/layers/layer_kind.h"
#include "models/layers/layers.h"

namespace gradloom {

namespace {

class Dense final : public Layer {
 public:
  Dense(const Shape& input, int64_t units, double spread, bool bias)
      : inputs_(input.size()), units_(units), bias_(bias) {
    input_ = input;
    output_ = {units, 1, 1};
    parameters_ = {{"weight", {units, inputs_}, spread, 0}};
    if (bias) parameters_.push_back({"bias", {units}, 0, 0});
  }

  void Forward(const Pass& pass, const float* parameters, const float* x, float* y,
               float* /*saved*/) const override {
    const Kernels& k = *pass.kernels;
    if (units_ == 1) {
      k.row_dots(pass.rows, inputs_, x, inputs_, parameters, y);
    } else {
      k.gemm(false, true, pass.rows, units_, inputs_, x, inputs_, parameters, inputs_, false, y,
             units_);
    }
    if (bias_) k.add_bias(pass.rows, units_, parameters + units_ * inputs_, y);
  }

  void Backward(const Pass& pass, const float* parameters, const float* x, const float* /*y*/,
                const float* /*saved*/, const float* dy, float* dx,
                float* gradient) const override {
    const Kernels& k = *pass.kernels;
    if (units_ == 1) {
      k.add_weighted_rows(pass.rows, inputs_, x, inputs_, dy, gradient);
    } else {
      k.gemm(true, false, units_, inputs_, pass.rows, dy, units_, x, inputs_, true, gradient,
             inputs_);
    }
    if (bias_) k.add_column_sums(pass.rows, units_, dy, gradient + units_ * inputs_);
    if (dx != nullptr) {
      k.gemm(false, false, pass.rows, inputs_, units_, dy, units_, parameters, inputs_, false, dx,
             inputs_);
    }
  }

 private:
  int64_t inputs_;
  int64_t units_;
  bool bias_;
};

constexpr NumberField kNumbers[] = {{"units", kUnitsRange}};

absl::Status Add(const v1::LayerSpec& layer, const LayerPlace& place, Network* network) {
  const v1::DenseLayer& spec = layer.dense();
  const int64_t units = spec.units(), inputs = network->output().size();
  absl::Status status =
      FitsInto(kMaxLayerParameters, place.field, "its parameters", {units, inputs});
  if (!status.ok()) return status;
  const double spread = InitialSpread(ActivationOf(spec.activation()), inputs, units);
  network->Add(MakeDense(network->output(), units, spread), place.name);
  AddActivation(spec.activation(), network);
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<Layer> MakeDense(const Shape& input, int64_t units, double spread, bool bias) {
  return std::make_unique<Dense>(input, units, spread, bias);
}

extern const LayerKind kDenseLayer = {
    .spec = {.kind = v1::LayerSpec::kDense,
             .numbers = kNumbers,
             .fill = [](v1::LayerSpec* layer) { FillActivation(layer->mutable_dense()); }},
    .add = Add,
};

}  // namespace gradloom
