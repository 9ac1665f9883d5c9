#include "models/layers/network.h"

#include <algorithm>
#include <utility>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"

namespace gradloom {

void Network::Add(std::unique_ptr<Layer> layer, const std::string& name) {
  ABSL_RAW_CHECK(layer->input().size() == output().size(), "a layer that does not fit");
  offsets_.push_back(parameters_);
  if (parameters_ == 0 && layer->parameters().empty()) first_trained_ = layers_.size() + 1;
  for (const LayerParameter& parameter : layer->parameters()) {
    segments_.push_back({absl::StrCat(name, ".", parameter.name), &parameter, parameters_});
    parameters_ += parameter.size();
  }
  outputs_ += layer->output().size();
  layers_.push_back(std::move(layer));
}

void Network::Initialise(uint64_t seed, std::span<float> parameters, uint64_t first_stream) const {
  for (size_t k = 0; k < segments_.size(); ++k) {
    const LayerParameter& parameter = *segments_[k].parameter;
    float* const values = parameters.data() + segments_[k].offset;
    if (parameter.spread <= 0) {
      std::fill_n(values, parameter.size(), parameter.value);
      continue;
    }
    RandomStream stream(seed, Purpose::kInitialParameters, first_stream + k);
    for (int64_t i = 0; i < parameter.size(); ++i) {
      values[i] = static_cast<float>(parameter.spread * stream.NextNormal());
    }
  }
}

const float* Network::Forward(const Pass& pass, std::span<const float> parameters, const float* x,
                              Trace* trace) const {
  trace->outputs.resize(layers_.size());
  trace->saved.resize(layers_.size());
  const float* input = x;
  for (size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = *layers_[l];
    float* const output = pass.workspace->Take(pass.rows * layer.output().size());
    trace->saved[l] = pass.workspace->Take(layer.saved(pass.rows));
    layer.Forward(pass, parameters.data() + offsets_[l], input, output, trace->saved[l]);
    trace->outputs[l] = output;
    input = output;
  }
  return input;
}

void Network::Backward(const Pass& pass, std::span<const float> parameters, const float* x,
                       const Trace& trace, const float* dy, float* gradient, float* dx) const {
  const size_t first = dx == nullptr ? first_trained_ : 0;
  if (dx != nullptr && layers_.empty()) std::copy_n(dy, pass.rows * input_.size(), dx);
  const int64_t widest = pass.rows * WidestInput(first + 1);
  float* spare[2] = {pass.workspace->Take(widest), pass.workspace->Take(widest)};
  for (size_t l = layers_.size(); l-- > first;) {
    const float* const input = l == 0 ? x : trace.outputs[l - 1];
    float* const below = l == first ? dx : spare[l % 2];
    layers_[l]->Backward(pass, parameters.data() + offsets_[l], input, trace.outputs[l],
                         trace.saved[l], dy, below, gradient + offsets_[l]);
    dy = below;
  }
}

int64_t Network::WidestInput(size_t first) const {
  int64_t widest = 0;
  for (size_t l = first; l < layers_.size(); ++l) {
    widest = std::max(widest, layers_[l]->input().size());
  }
  return widest;
}

bool Network::couples_examples() const {
  return std::any_of(layers_.begin(), layers_.end(),
                     [](const std::unique_ptr<Layer>& layer) { return layer->couples_examples(); });
}

LayerPoint Network::PointOf(size_t layer, std::span<const float> parameters, const float* x,
                            const Trace& trace) const {
  return {.parameters = parameters.data() + offsets_[layer],
          .x = layer == 0 ? x : trace.outputs[layer - 1],
          .y = trace.outputs[layer],
          .saved = trace.saved[layer]};
}

const float* Network::ForwardTangent(const Pass& pass, std::span<const float> parameters,
                                     const float* x, const Trace& trace,
                                     std::span<const float> direction, Tangents* tangents) const {
  tangents->outputs.assign(layers_.size(), nullptr);
  const float* input = nullptr;
  for (size_t l = first_trained_; l < layers_.size(); ++l) {
    float* const output = pass.workspace->Take(pass.rows * layers_[l]->output().size());
    layers_[l]->ForwardTangent(pass, PointOf(l, parameters, x, trace),
                               {direction.data() + offsets_[l], input}, output);
    tangents->outputs[l] = output;
    input = output;
  }
  return input;
}

void Network::BackwardTangent(const Pass& pass, std::span<const float> parameters, const float* x,
                              const Trace& trace, std::span<const float> direction,
                              const Tangents& tangents, const float* dy, const float* tdy,
                              float* product) const {
  const int64_t widest = pass.rows * WidestInput(first_trained_ + 1);
  float* spare[2][2];
  for (auto& [slope, moves] : spare) {
    slope = pass.workspace->Take(widest);
    moves = pass.workspace->Take(widest);
  }
  for (size_t l = layers_.size(); l-- > first_trained_;) {
    const LayerPoint at = PointOf(l, parameters, x, trace);
    const LayerDirection along = {direction.data() + offsets_[l],
                                  l == 0 ? nullptr : tangents.outputs[l - 1]};
    const bool last = l == first_trained_;
    float* const dx = last ? nullptr : spare[l % 2][0];
    float* const tdx = last ? nullptr : spare[l % 2][1];
    layers_[l]->BackwardTangent(pass, at, along, dy, tdy, tdx, product + offsets_[l]);
    if (last) break;
    layers_[l]->Backward(pass, at.parameters, at.x, at.y, at.saved, dy, dx, nullptr);
    dy = dx;
    tdy = tdx;
  }
}

}  // namespace gradloom
