#include <algorithm>

#include "models/layers/layer_kind.h"
#include "models/layers/layers.h"

namespace gradloom {
namespace {

class Pool : public Layer {
 public:
  Pool(const Shape& input, int64_t size, int64_t stride)
      : window_{input.channels, input.height, input.width, size, stride, 0} {
    input_ = input;
    output_ = {input.channels, window_.out_height(), window_.out_width()};
  }

  // Linear, as long as the largest values are where they are.
  void BackwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& /*along*/,
                       const float* /*dy*/, const float* tdy, float* tdx,
                       float* /*product*/) const override {
    Backward(pass, nullptr, at.x, at.y, nullptr, tdy, tdx, nullptr);
  }

 protected:
  // Calls visit(first pixel of a window, output) for every window of every channel of all rows.
  template <typename Visit>
  void ForEachWindow(int64_t rows, const Visit& visit) const {
    int64_t out = 0;
    for (int64_t plane = 0; plane < rows * input_.channels; ++plane) {
      const int64_t first = plane * input_.height * input_.width;
      for (int64_t y = 0; y < output_.height; ++y) {
        for (int64_t x = 0; x < output_.width; ++x, ++out) {
          visit(first + (y * input_.width + x) * window_.stride, out);
        }
      }
    }
  }

  // Offset of the (first) largest value of the window at x.
  int64_t Largest(const float* x) const {
    int64_t best = 0;
    for (int64_t row = 0; row < window_.kernel; ++row) {
      for (int64_t column = 0; column < window_.kernel; ++column) {
        const int64_t at = row * input_.width + column;
        // A NaN is the largest, so that it is not lost.
        if (x[at] > x[best] || x[at] != x[at]) best = at;
      }
    }
    return best;
  }

  Window window_;
};

class MaxPool final : public Pool {
 public:
  using Pool::Pool;

  void Forward(const Pass& pass, const float* /*parameters*/, const float* x, float* y,
               float* /*saved*/) const override {
    ForEachWindow(pass.rows, [&](int64_t in, int64_t out) { y[out] = x[in + Largest(x + in)]; });
  }

  void Backward(const Pass& pass, const float* /*parameters*/, const float* x, const float* /*y*/,
                const float* /*saved*/, const float* dy, float* dx,
                float* /*gradient*/) const override {
    if (dx == nullptr) return;
    std::fill_n(dx, pass.rows * input_.size(), 0.0f);
    ForEachWindow(pass.rows, [&](int64_t in, int64_t out) { dx[in + Largest(x + in)] += dy[out]; });
  }

  void ForwardTangent(const Pass& pass, const LayerPoint& at, const LayerDirection& along,
                      float* ty) const override {
    ForEachWindow(pass.rows, [&](int64_t in, int64_t out) {
      ty[out] = along.x == nullptr ? 0 : along.x[in + Largest(at.x + in)];
    });
  }
};

class AveragePool final : public Pool {
 public:
  AveragePool(const Shape& input, int64_t size, int64_t stride)
      : Pool(input, size, stride), weight_(1.0f / static_cast<float>(size * size)) {}

  void Forward(const Pass& pass, const float* /*parameters*/, const float* x, float* y,
               float* /*saved*/) const override {
    ForEachWindow(pass.rows, [&](int64_t in, int64_t out) {
      float sum = 0;
      for (int64_t row = 0; row < window_.kernel; ++row) {
        for (int64_t column = 0; column < window_.kernel; ++column) {
          sum += x[in + row * input_.width + column];
        }
      }
      y[out] = sum * weight_;
    });
  }

  void Backward(const Pass& pass, const float* /*parameters*/, const float* /*x*/,
                const float* /*y*/, const float* /*saved*/, const float* dy, float* dx,
                float* /*gradient*/) const override {
    if (dx == nullptr) return;
    std::fill_n(dx, pass.rows * input_.size(), 0.0f);
    ForEachWindow(pass.rows, [&](int64_t in, int64_t out) {
      const float share = dy[out] * weight_;
      for (int64_t row = 0; row < window_.kernel; ++row) {
        for (int64_t column = 0; column < window_.kernel; ++column) {
          dx[in + row * input_.width + column] += share;
        }
      }
    });
  }

  void ForwardTangent(const Pass& pass, const LayerPoint& /*at*/, const LayerDirection& along,
                      float* ty) const override {
    if (along.x == nullptr) {
      std::fill_n(ty, pass.rows * output_.size(), 0.0f);
    } else {
      Forward(pass, nullptr, along.x, ty, nullptr);
    }
  }

 private:
  float weight_;
};

constexpr NumberField kNumbers[] = {
    {"size", Within(1, 1 << 20), 2},
    {"stride", kStrideRange},  // as large as the size, unless somebody says so
};

void FillStride(v1::Pool* pool) {
  if (!pool->has_stride()) pool->set_stride(pool->size());
}

template <typename PoolLayer>
absl::Status Add(const v1::Pool& spec, const LayerPlace& place, Network* network) {
  const Shape input = network->output();
  absl::Status status = WindowFits(place.field + ".size", spec.size(), 0, input);
  if (!status.ok()) return status;
  network->Add(std::make_unique<PoolLayer>(input, spec.size(), spec.stride()), place.name);
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<Layer> MakeMaxPool(const Shape& input, int64_t size, int64_t stride) {
  return std::make_unique<MaxPool>(input, size, stride);
}

std::unique_ptr<Layer> MakeAveragePool(const Shape& input, int64_t size, int64_t stride) {
  return std::make_unique<AveragePool>(input, size, stride);
}

extern const LayerKind kMaxPoolLayer = {
    .spec = {.kind = v1::LayerSpec::kMaxPool,
             .numbers = kNumbers,
             .fill = [](v1::LayerSpec* layer) { FillStride(layer->mutable_max_pool()); }},
    .add = [](const v1::LayerSpec& layer, const LayerPlace& place,
              Network* network) { return Add<MaxPool>(layer.max_pool(), place, network); },
};
extern const LayerKind kAveragePoolLayer = {
    .spec = {.kind = v1::LayerSpec::kAveragePool,
             .numbers = kNumbers,
             .fill = [](v1::LayerSpec* layer) { FillStride(layer->mutable_average_pool()); }},
    .add = [](const v1::LayerSpec& layer, const LayerPlace& place,
              Network* network) { return Add<AveragePool>(layer.average_pool(), place, network); },
};

}  // namespace gradloom
