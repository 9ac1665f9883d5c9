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
  int64_t widest = 0;
  for (size_t l = first + 1; l < layers_.size(); ++l) {
    widest = std::max(widest, layers_[l]->input().size());
  }
  float* spare[2] = {pass.workspace->Take(pass.rows * widest),
                     pass.workspace->Take(pass.rows * widest)};
  for (size_t l = layers_.size(); l-- > first;) {
    const float* const input = l == 0 ? x : trace.outputs[l - 1];
    float* const below = l == first ? dx : spare[l % 2];
    layers_[l]->Backward(pass, parameters.data() + offsets_[l], input, trace.outputs[l],
                         trace.saved[l], dy, below, gradient + offsets_[l]);
    dy = below;
  }
}

}  // namespace gradloom
