#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
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

  bool couples_examples() const override { return true; }

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
      for (int64_t c = 0; gradient != nullptr && c < channels_; ++c) {
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

  // u moves by tu = scale (tx - mean(tx) - u mean(tx u)).
  void ForwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                      float* ty) const override {
    ForEachGroup(pass, at, along, [&](const Group& group) {
      float* const out = ty + group.first;
      ForEach(group.rows, [&](int64_t i, int64_t c) {
        out[i] = static_cast<float>(along.parameters[c] * group.U(i, c) +
                                    at.parameters[c] * group.TangentOfU(i, c) +
                                    along.parameters[channels_ + c]);
      });
    });
  }

  // With a = sum(dy) / N, b = sum(dy u) / N, which move by ta and tb, and scale by ts:
  // tdx = (tweight scale + weight ts) (dy - a - u b) + weight scale (tdy - ta - tu b - u tb).
  void BackwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                       const float* dy, const float* tdy, float* tdx,
                       float* product) const override {
    std::vector<double> a(channels_), b(channels_), ta(channels_), tb(channels_);
    ForEachGroup(pass, at, along, [&](const Group& group) {
      const float* const slope = dy + group.first;
      const float* const moves = tdy + group.first;
      Sum(
          group.rows, [&](int64_t i, int64_t /*c*/) { return slope[i]; }, &a);
      Sum(
          group.rows, [&](int64_t i, int64_t c) { return double{slope[i]} * group.U(i, c); }, &b);
      Sum(
          group.rows, [&](int64_t i, int64_t /*c*/) { return moves[i]; }, &ta);
      Sum(
          group.rows,
          [&](int64_t i, int64_t c) {
            return double{moves[i]} * group.U(i, c) + double{slope[i]} * group.TangentOfU(i, c);
          },
          &tb);
      for (int64_t c = 0; product != nullptr && c < channels_; ++c) {
        product[c] += static_cast<float>(tb[c]);
        product[channels_ + c] += static_cast<float>(ta[c]);
      }
      if (tdx == nullptr) return;
      const double count = static_cast<double>(group.rows * pixels_);
      float* const out = tdx + group.first;
      ForEach(group.rows, [&](int64_t i, int64_t c) {
        const double scale = group.scale[c], weight = at.parameters[c];
        const double ts = -scale * scale * group.product[c];
        const double u = group.U(i, c);
        const double centred = slope[i] - a[c] / count - u * (b[c] / count);
        const double moved = moves[i] - ta[c] / count - group.TangentOfU(i, c) * (b[c] / count) -
                             u * (tb[c] / count);
        out[i] = static_cast<float>((along.parameters[c] * scale + weight * ts) * centred +
                                    weight * scale * moved);
      });
    });
  }

 private:
  // A group of rows, and how x moves in it.
  struct Group {
    int64_t first, rows;  // its first value, in all rows'
    const float* x;
    const float* tx;                  // null: not at all
    const float* mean;                // by channel
    const float* scale;               // 1 / standard deviation
    std::span<const double> tx_mean;  // of tx
    std::span<const double> product;  // of tx u

    double U(int64_t i, int64_t c) const { return (double{x[i]} - mean[c]) * scale[c]; }
    double TangentOfU(int64_t i, int64_t c) const {
      return tx == nullptr ? 0 : scale[c] * (tx[i] - tx_mean[c] - U(i, c) * product[c]);
    }
  };
  template <typename Visit>
  void ForEachGroup(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                    const Visit& visit) const {
    std::vector<double> mean(channels_), product(channels_);
    const float* saved = at.saved;
    for (int64_t first = 0; first < pass.rows; first += group_, saved += 2 * channels_) {
      const int64_t begin = first * input_.size();
      Group group{.first = begin,
                  .rows = std::min(group_, pass.rows - first),
                  .x = at.x + begin,
                  .tx = along.x == nullptr ? nullptr : along.x + begin,
                  .mean = saved,
                  .scale = saved + channels_,
                  .tx_mean = mean,
                  .product = product};
      if (group.tx != nullptr) {
        const double count = static_cast<double>(group.rows * pixels_);
        Sum(
            group.rows, [&](int64_t i, int64_t /*c*/) { return group.tx[i]; }, &mean);
        Sum(
            group.rows, [&](int64_t i, int64_t c) { return group.tx[i] * group.U(i, c); },
            &product);
        for (double& value : mean) value /= count;
        for (double& value : product) value /= count;
      }
      visit(group);
    }
  }

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
