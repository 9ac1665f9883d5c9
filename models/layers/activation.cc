#include "models/layers/activation.h"

#include <algorithm>
#include <cmath>

#include "absl/base/internal/raw_logging.h"
#include "models/layers/layer_kind.h"
#include "models/layers/layers.h"

namespace gradloom {
namespace {

struct Entry {
  v1::Activation activation;
  ActivationKind kind;
  bool rectifies;  // half of its inputs are lost
};

// Every activation.
constexpr Entry kActivations[] = {
    {v1::RELU, ActivationKind::kRelu, true},
    {v1::TANH, ActivationKind::kTanh, false},
    {v1::GELU, ActivationKind::kGelu, true},
    {v1::SIGMOID, ActivationKind::kSigmoid, false},
    {v1::IDENTITY, ActivationKind::kIdentity, false},
};

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

ActivationKind ActivationOf(v1::Activation activation) {
  for (const Entry& entry : kActivations) {
    if (entry.activation == activation) return entry.kind;
  }
  ABSL_RAW_LOG(FATAL, "activation %d", static_cast<int>(activation));
  return {};
}

double InitialSpread(ActivationKind next, int64_t fan_in, int64_t fan_out) {
  for (const Entry& entry : kActivations) {
    if (entry.kind == next && entry.rectifies) return std::sqrt(2.0 / static_cast<double>(fan_in));
  }
  return std::sqrt(2.0 / static_cast<double>(fan_in + fan_out));
}

std::unique_ptr<Layer> MakeActivation(const Shape& input, ActivationKind kind) {
  return std::make_unique<ActivationLayer>(input, kind);
}

void AddActivation(v1::Activation activation, Network* network) {
  const ActivationKind kind = ActivationOf(activation);
  if (kind == ActivationKind::kIdentity) return;
  network->Add(MakeActivation(network->output(), kind), "");
}

extern const LayerKind kActivationLayer = {
    .spec = {.kind = v1::LayerSpec::kActivate,
             .fill = [](v1::LayerSpec* layer) { FillActivation(layer->mutable_activate()); }},
    .add =
        [](const v1::LayerSpec& layer, const LayerPlace& /*place*/, Network* network) {
          AddActivation(layer.activate().activation(), network);
          return absl::OkStatus();
        },
};

}  // namespace gradloom
