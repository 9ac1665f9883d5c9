#include "models/workloads/gnn/graph_layer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/kernels/kernels.h"
#include "models/random.h"

namespace gradloom {
namespace {

constexpr float kLeak = 0.2f;

float Dot(int64_t n, const float* x, const float* y) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

int64_t NodeOf(Rows rows, int64_t i) { return rows.empty() ? i : rows[i]; }

// Entries of the wanted rows, of all rows together.
int64_t EntriesOf(const Csr& heard, Rows rows) {
  if (rows.empty()) return heard.start.back();
  int64_t entries = 0;
  for (const int32_t row : rows) entries += heard.start[row + 1] - heard.start[row];
  return entries;
}

// Per node and head, a . y: nodes x heads.
Matrix HeadDots(const Matrix& y, int64_t heads, const float* a) {
  const int64_t width = y.columns / heads;
  Matrix dots(y.rows, heads);
  for (int64_t i = 0; i < y.rows; ++i) {
    for (int64_t h = 0; h < heads; ++h) {
      dots.row(i)[h] = Dot(width, y.row(i) + h * width, a + h * width);
    }
  }
  return dots;
}

}  // namespace

int64_t GraphLayer::parameters() const { return weights() + (attends() ? 3 : 1) * units_; }

std::vector<ParameterTensor> GraphLayer::Tensors(const std::string& name, int64_t offset) const {
  std::vector<ParameterTensor> tensors;
  const auto add = [&](const char* what, std::vector<int64_t> shape, int64_t size) {
    tensors.push_back({absl::StrCat(name, ".", what), std::move(shape), offset, size});
    offset += size;
  };
  add("weight", {inputs_, units_}, weights());
  add("bias", {units_}, units_);
  if (attends()) {
    add("source", {units_}, units_);
    add("target", {units_}, units_);
  }
  return tensors;
}

void GraphLayer::Initialise(RandomStream& stream, std::span<float> parameters) const {
  const double spread = std::sqrt(2.0 / static_cast<double>(inputs_ + units_));
  for (float& value : parameters.first(weights())) {
    value = static_cast<float>(spread * stream.NextNormal());
  }
  for (float& value : parameters.subspan(weights(), units_)) value = 0;
  const double attention = std::sqrt(2.0 / static_cast<double>(head_units() + 1));
  for (float& value : parameters.subspan(weights() + units_)) {
    value = static_cast<float>(attention * stream.NextNormal());
  }
}

std::vector<GraphLayer::Pass> GraphLayer::Forward(const LayerInputs& inputs, Rows rows,
                                                  std::span<const float> parameters, int first,
                                                  int last) const {
  const Kernels& kernel = kernels();
  // Attention needs the neighbours' products, too.
  const Rows multiplied = attends() ? Rows() : rows;
  std::vector<Pass> passes(last - first);
  Matrix shared(CountOf(multiplied, inputs), units_);
  for (const InputPart& part : inputs.parts) {
    if (part.view == InputPart::kEveryView) {
      AddProduct(part, multiplied, parameters.data() + part.first * units_, shared);
    }
  }
  for (int view = first; view < last; ++view) {
    Pass& pass = passes[view - first];
    Matrix& product = attends() ? pass.projected : pass.out;
    if (view + 1 == last) {
      product = std::move(shared);  // NOLINT(bugprone-use-after-move): this is the last time
    } else {
      product = shared;
    }
    for (const InputPart& part : inputs.parts) {
      if (part.view == view) {
        AddProduct(part, multiplied, parameters.data() + part.first * units_, product);
      }
    }
    if (attends()) Attend(inputs.topologies[view]->heard, rows, parameters, pass);
    kernel.add_bias(pass.out.rows, units_, parameters.data() + weights(), pass.out.values.data());
    if (relu_) {
      kernel.activate(ActivationKind::kRelu, pass.out.rows * units_, pass.out.values.data(),
                      pass.out.values.data());
    }
  }
  return passes;
}

void GraphLayer::Attend(const Csr& heard, Rows rows, std::span<const float> parameters,
                        Pass& pass) const {
  const Kernels& kernel = kernels();
  const Matrix source = HeadDots(pass.projected, heads_, &parameters[weights() + units_]);
  const Matrix target = HeadDots(pass.projected, heads_, &parameters[weights() + 2 * units_]);
  const int64_t wanted = rows.empty() ? heard.rows() : static_cast<int64_t>(rows.size());
  pass.out = Matrix(wanted, units_);
  pass.attention.resize(EntriesOf(heard, rows) * heads_);
  pass.slope.resize(pass.attention.size());
  float* attention = pass.attention.data();
  float* slope = pass.slope.data();
  for (int64_t i = 0; i < wanted; ++i) {
    const int64_t node = NodeOf(rows, i);
    const int64_t begin = heard.start[node], count = heard.start[node + 1] - begin;
    // Head by head, so that each one's softmax is contiguous.
    for (int64_t h = 0; h < heads_; ++h, attention += count, slope += count) {
      float top = -INFINITY;
      for (int64_t k = 0; k < count; ++k) {
        const float raw = source.row(heard.column[begin + k])[h] + target.row(node)[h];
        slope[k] = raw > 0 ? 1 : kLeak;
        attention[k] = raw * slope[k];
        top = std::max(top, attention[k]);
      }
      for (int64_t k = 0; k < count; ++k) attention[k] -= top;
      kernel.exp(count, attention, attention);
      float total = 0;
      for (int64_t k = 0; k < count; ++k) total += attention[k];
      for (int64_t k = 0; k < count; ++k) {
        attention[k] /= total;
        kernel.axpy(head_units(), attention[k],
                    pass.projected.row(heard.column[begin + k]) + h * head_units(),
                    pass.out.row(i) + h * head_units());
      }
    }
  }
}

void GraphLayer::Backward(const LayerInputs& inputs, Rows rows, std::span<const float> parameters,
                          const std::vector<Pass>& passes, std::vector<Matrix>& gradients,
                          std::span<float> parameters_gradient) const {
  const Kernels& kernel = kernels();
  const Rows multiplied = attends() ? Rows() : rows;
  for (int view = 0; view < inputs.views; ++view) {
    const Pass& pass = passes[view];
    Matrix& gradient = gradients[view];
    if (relu_) {
      kernel.activate_backward(ActivationKind::kRelu, gradient.rows * units_,
                               pass.out.values.data(), pass.out.values.data(),
                               gradient.values.data(), gradient.values.data());
    }
    kernel.add_column_sums(gradient.rows, units_, gradient.values.data(),
                           parameters_gradient.data() + weights());
    if (attends()) {
      AttendBackward(inputs.topologies[view]->heard, rows, parameters, pass, gradient,
                     parameters_gradient);
    }
    for (const InputPart& part : inputs.parts) {
      if (part.view == view) {
        AddWeightsGradient(part, multiplied, gradient,
                           parameters_gradient.data() + part.first * units_);
      }
    }
  }
  Matrix total;
  if (inputs.views > 1) {
    total = gradients[0];
    for (int view = 1; view < inputs.views; ++view) {
      kernel.add(total.rows * units_, gradients[view].values.data(), total.values.data());
    }
  }
  for (const InputPart& part : inputs.parts) {
    if (part.view == InputPart::kEveryView) {
      AddWeightsGradient(part, multiplied, inputs.views > 1 ? total : gradients[0],
                         parameters_gradient.data() + part.first * units_);
    }
  }
}

void GraphLayer::AttendBackward(const Csr& heard, Rows rows, std::span<const float> parameters,
                                const Pass& pass, Matrix& gradient,
                                std::span<float> parameters_gradient) const {
  const Kernels& kernel = kernels();
  const Matrix& y = pass.projected;
  const int64_t width = head_units();
  const float* const s = &parameters[weights() + units_];
  const float* const t = &parameters[weights() + 2 * units_];
  Matrix dy(y.rows, units_), dsource(y.rows, heads_), dtarget(y.rows, heads_);
  const float* attention = pass.attention.data();
  const float* slope = pass.slope.data();
  std::vector<float> dattention;
  for (int64_t i = 0; i < gradient.rows; ++i) {
    const int64_t node = NodeOf(rows, i);
    const int64_t begin = heard.start[node], count = heard.start[node + 1] - begin;
    dattention.resize(count);
    for (int64_t h = 0; h < heads_; ++h, attention += count, slope += count) {
      const float* const out = gradient.row(i) + h * width;
      float mean = 0;
      for (int64_t k = 0; k < count; ++k) {
        const int64_t other = heard.column[begin + k];
        kernel.axpy(width, attention[k], out, dy.row(other) + h * width);
        dattention[k] = Dot(width, out, y.row(other) + h * width);
        mean += attention[k] * dattention[k];
      }
      for (int64_t k = 0; k < count; ++k) {
        const float raw = attention[k] * (dattention[k] - mean) * slope[k];
        dsource.row(heard.column[begin + k])[h] += raw;
        dtarget.row(node)[h] += raw;
      }
    }
  }
  float* const ds = &parameters_gradient[weights() + units_];
  float* const dt = &parameters_gradient[weights() + 2 * units_];
  for (int64_t i = 0; i < y.rows; ++i) {
    for (int64_t h = 0; h < heads_; ++h) {
      const int64_t at = h * width;
      kernel.axpy(width, dsource.row(i)[h], s + at, dy.row(i) + at);
      kernel.axpy(width, dtarget.row(i)[h], t + at, dy.row(i) + at);
      kernel.axpy(width, dsource.row(i)[h], y.row(i) + at, ds + at);
      kernel.axpy(width, dtarget.row(i)[h], y.row(i) + at, dt + at);
    }
  }
  gradient = std::move(dy);
}

Matrix GraphLayer::PartGradient(const InputPart& part, std::span<const float> parameters,
                                const Matrix& product_gradient) const {
  Matrix gradient(product_gradient.rows, part.width);
  kernels().gemm(false, true, gradient.rows, part.width, units_, product_gradient.values.data(),
                 units_, parameters.data() + part.first * units_, units_, false,
                 gradient.values.data(), part.width);
  return gradient;
}

}  // namespace gradloom
