#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "models/layers/layer_kind.h"
#include "models/layers/layers.h"

namespace gradloom {
namespace {

class GhostBatchNormLayer final : public Layer {
 public:
  GhostBatchNormLayer(const Shape& input, int64_t group, double epsilon)
      : group_(group),
        epsilon_(epsilon),
        channels_(input.channels),
        pixels_(input.height * input.width) {
    input_ = output_ = input;
    parameters_ = {{"weight", {channels_}, 0, 1}, {"bias", {channels_}, 0, 0}};
  }

  // Mean and 1 / standard deviation of every channel, by group.
  int64_t saved(int64_t rows) const override {
    return (rows + group_ - 1) / group_ * 2 * channels_;
  }

  void Forward(const Pass& pass, const float* parameters, const float* x, float* y,
               float* saved) const override {
    const float* const bias = parameters + channels_;
    std::vector<double> sums(channels_);
    for (int64_t first = 0; first < pass.rows; first += group_, saved += 2 * channels_) {
      const int64_t rows = std::min(group_, pass.rows - first);
      const double count = static_cast<double>(rows * pixels_);
      const float* const in = x + first * input_.size();
      float* const out = y + first * input_.size();
      float* const mean = saved;
      float* const scale = saved + channels_;
      Sum(
          rows, [&](int64_t at, int64_t /*channel*/) { return in[at]; }, &sums);
      for (int64_t c = 0; c < channels_; ++c) mean[c] = static_cast<float>(sums[c] / count);
      Sum(
          rows,
          [&](int64_t at, int64_t c) {
            const double off = in[at] - mean[c];
            return off * off;
          },
          &sums);
      for (int64_t c = 0; c < channels_; ++c) {
        scale[c] = static_cast<float>(1 / std::sqrt(sums[c] / count + epsilon_));
      }
      ForEach(rows, [&](int64_t at, int64_t c) {
        out[at] = (in[at] - mean[c]) * scale[c] * parameters[c] + bias[c];
      });
    }
  }

  // With u = (x - mean) scale over the N values of a group's channel:
  // dx = weight scale (dy - sum(dy) / N - u sum(dy u) / N).
  void Backward(const Pass& pass, const float* parameters, const float* x, const float* /*y*/,
                const float* saved, const float* dy, float* dx, float* gradient) const override {
    std::vector<double> sums(channels_), products(channels_);
    for (int64_t first = 0; first < pass.rows; first += group_, saved += 2 * channels_) {
      const int64_t rows = std::min(group_, pass.rows - first);
      const auto count = static_cast<float>(rows * pixels_);
      const float* const in = x + first * input_.size();
      const float* const slope = dy + first * input_.size();
      const float* const mean = saved;
      const float* const scale = saved + channels_;
      Sum(
          rows, [&](int64_t at, int64_t /*channel*/) { return slope[at]; }, &sums);
      Sum(
          rows,
          [&](int64_t at, int64_t c) {
            return double{slope[at]} * ((in[at] - mean[c]) * scale[c]);
          },
          &products);
      for (int64_t c = 0; c < channels_; ++c) {
        gradient[c] += static_cast<float>(products[c]);
        gradient[channels_ + c] += static_cast<float>(sums[c]);
      }
      if (dx == nullptr) continue;
      float* const out = dx + first * input_.size();
      ForEach(rows, [&](int64_t at, int64_t c) {
        const float u = (in[at] - mean[c]) * scale[c];
        out[at] = parameters[c] * scale[c] *
                  (slope[at] - static_cast<float>(sums[c]) / count -
                   u * (static_cast<float>(products[c]) / count));
      });
    }
  }

 private:
  // Calls visit(index, channel) for every value of the rows.
  template <typename Visit>
  void ForEach(int64_t rows, const Visit& visit) const {
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t c = 0; c < channels_; ++c) {
        const int64_t first = (row * channels_ + c) * pixels_;
        for (int64_t p = 0; p < pixels_; ++p) visit(first + p, c);
      }
    }
  }

  // Sum of value(index, channel) by channel.
  template <typename Value>
  void Sum(int64_t rows, const Value& value, std::vector<double>* sums) const {
    std::fill(sums->begin(), sums->end(), 0.0);
    double* const sum = sums->data();
    if (pixels_ == 1) {
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t c = 0; c < channels_; ++c) sum[c] += value(row * channels_ + c, c);
      }
      return;
    }
    constexpr int kLanes = 8;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t c = 0; c < channels_; ++c) {
        const int64_t first = (row * channels_ + c) * pixels_;
        double lanes[kLanes] = {};
        int64_t p = 0;
        for (; p + kLanes <= pixels_; p += kLanes) {
          for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += value(first + p + lane, c);
        }
        for (; p < pixels_; ++p) lanes[0] += value(first + p, c);
        for (const double lane : lanes) sum[c] += lane;
      }
    }
  }

  int64_t group_;
  double epsilon_;
  int64_t channels_;
  int64_t pixels_;
};

constexpr NumberField kNumbers[] = {
    {"group", Within(2, 4096)},
    {"epsilon", MoreThanUpTo(0, std::numeric_limits<float>::max()), 1e-5},
};

absl::Status Add(const v1::LayerSpec& layer, const LayerPlace& place, Network* network) {
  const v1::GhostBatchNorm& spec = layer.batch_norm();
  const int64_t group = spec.has_group() ? spec.group() : place.sub_batch;
  network->Add(MakeGhostBatchNorm(network->output(), group, spec.epsilon()), place.name);
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<Layer> MakeGhostBatchNorm(const Shape& input, int64_t group, double epsilon) {
  return std::make_unique<GhostBatchNormLayer>(input, group, epsilon);
}

extern const LayerKind kGhostBatchNormLayer = {
    .spec = {.kind = v1::LayerSpec::kBatchNorm, .numbers = kNumbers},
    .add = Add,
    .group = [](const v1::LayerSpec& layer) {
      return std::max<int64_t>(1, layer.batch_norm().group());
    }};

}  // namespace gradloom
