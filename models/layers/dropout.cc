#include <algorithm>
#include <cmath>

#include "models/layers/layer_kind.h"
#include "models/layers/layers.h"

namespace gradloom {
namespace {

// The words of a unit are a function of (seed, job, layer, example, unit): the first two words of
// RandomStream(seed, kDropout, job, layer) key a Philox stream whose counter holds the example.
class DropoutLayer final : public Layer {
 public:
  DropoutLayer(const Shape& input, double probability, uint32_t number)
      : number_(number),
        threshold_(static_cast<uint32_t>(
            std::clamp(std::round(probability * 4294967296.0), 1.0, 4294967295.0))),
        // Of the probability as rounded to 32 bits, so that the mean is kept exactly.
        scale_(static_cast<float>(1.0 / (1.0 - threshold_ / 4294967296.0))) {
    input_ = output_ = input;
  }

  int64_t saved(int64_t rows) const override { return rows * input_.size(); }

  void Forward(const Pass& pass, const float* /*parameters*/, const float* x, float* y,
               float* saved) const override {
    const int64_t units = input_.size();
    if (!pass.training) {
      std::copy_n(x, pass.rows * units, y);
      return;
    }
    RandomStream stream(pass.seed, Purpose::kDropout, static_cast<uint64_t>(pass.job), number_);
    const uint32_t first_word = stream.NextBits();
    const uint32_t key[2] = {first_word, stream.NextBits()};
    for (int64_t row = 0; row < pass.rows; ++row) {
      const auto id = static_cast<uint64_t>(pass.ids[row]);
      pass.kernels->dropout_mask(key, static_cast<uint32_t>(id), static_cast<uint32_t>(id >> 32),
                                 threshold_, scale_, units, saved + row * units);
    }
    pass.kernels->multiply(pass.rows * units, x, saved, y);
  }

  void Backward(const Pass& pass, const float* /*parameters*/, const float* /*x*/,
                const float* /*y*/, const float* saved, const float* dy, float* dx,
                float* /*gradient*/) const override {
    if (dx == nullptr) return;
    Mask(pass, saved, dy, dx);
  }

  void ForwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                      float* ty) const override {
    if (along.x == nullptr) {
      std::fill_n(ty, pass.rows * input_.size(), 0.0f);
    } else {
      Mask(pass, at.saved, along.x, ty);
    }
  }

  void BackwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& /*along*/,
                       const float* /*dy*/, const float* tdy, float* tdx,
                       float* /*product*/) const override {
    if (tdx != nullptr) Mask(pass, at.saved, tdy, tdx);
  }

 private:
  // `to` is `from` as Forward did it to x.
  void Mask(const Pass& pass, const float* saved, const float* from, float* to) const {
    const int64_t count = pass.rows * input_.size();
    if (pass.training) {
      pass.kernels->multiply(count, from, saved, to);
    } else {
      std::copy_n(from, count, to);
    }
  }

  uint32_t number_;
  uint32_t threshold_;
  float scale_;
};

constexpr NumberField kNumbers[] = {{"probability", kDropoutRange}};

absl::Status Add(const v1::LayerSpec& layer, const LayerPlace& place, Network* network) {
  const double probability = layer.dropout().probability();
  if (probability == 0) return absl::OkStatus();
  network->Add(MakeDropout(network->output(), probability, static_cast<uint32_t>(place.number)),
               place.name);
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<Layer> MakeDropout(const Shape& input, double probability, uint32_t number) {
  return std::make_unique<DropoutLayer>(input, probability, number);
}

extern const LayerKind kDropoutLayer = {
    .spec = {.kind = v1::LayerSpec::kDropout, .numbers = kNumbers}, .add = Add};

}  // namespace gradloom
