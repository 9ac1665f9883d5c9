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
    Multiply(pass, parameters, x, y);
    if (bias_) pass.kernels->add_bias(pass.rows, units_, parameters + units_ * inputs_, y);
  }

  void Backward(const Pass& pass, const float* parameters, const float* x, const float* /*y*/,
                const float* /*saved*/, const float* dy, float* dx,
                float* gradient) const override {
    if (gradient != nullptr) {
      AddProducts(pass, x, dy, gradient);
      if (bias_) {
        pass.kernels->add_column_sums(pass.rows, units_, dy, gradient + units_ * inputs_);
      }
    }
    if (dx != nullptr) MultiplyBack(pass, parameters, dy, false, dx);
  }

  // Linear in x and in the parameters: each moves by itself.
  void ForwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                      float* ty) const override {
    Forward(pass, along.parameters, at.x, ty, nullptr);
    if (along.x == nullptr) return;
    float* const by_x = pass.workspace->Take(pass.rows * units_);
    Multiply(pass, at.parameters, along.x, by_x);
    pass.kernels->add(pass.rows * units_, by_x, ty);
  }

  void BackwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                       const float* dy, const float* tdy, float* tdx,
                       float* product) const override {
    Backward(pass, at.parameters, at.x, at.y, at.saved, tdy, tdx, product);
    if (product != nullptr && along.x != nullptr) AddProducts(pass, along.x, dy, product);
    if (tdx != nullptr) MultiplyBack(pass, along.parameters, dy, true, tdx);
  }

 private:
  // y = x W^T
  void Multiply(const Pass& pass, const float* weights, const float* x, float* y) const {
    const Kernels& k = *pass.kernels;
    if (units_ == 1) {
      k.row_dots(pass.rows, inputs_, x, inputs_, weights, y);
    } else {
      k.gemm(false, true, pass.rows, units_, inputs_, x, inputs_, weights, inputs_, false, y,
             units_);
    }
  }
  // dx (+)= dy W
  void MultiplyBack(const Pass& pass, const float* weights, const float* dy, bool accumulate,
                    float* dx) const {
    pass.kernels->gemm(false, false, pass.rows, inputs_, units_, dy, units_, weights, inputs_,
                       accumulate, dx, inputs_);
  }
  // sum += dy^T x
  void AddProducts(const Pass& pass, const float* x, const float* dy, float* sum) const {
    const Kernels& k = *pass.kernels;
    if (units_ == 1) {
      k.add_weighted_rows(pass.rows, inputs_, x, inputs_, dy, sum);
    } else {
      k.gemm(true, false, units_, inputs_, pass.rows, dy, units_, x, inputs_, true, sum, inputs_);
    }
  }

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
