#include "models/workloads/noprop/denoiser.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "models/layers/activation.h"
#include "models/layers/layers.h"
#include "models/portable_math.h"
#include "models/workloads/network_workload.h"

namespace gradloom {
namespace {

constexpr int kFrequencies = 32;
constexpr double kLogHighestFrequency = 6.907755278982137;  // log(1000)

void AddDense(int64_t units, ActivationKind next, const std::string& name, Network* network,
              bool bias = true) {
  const Shape input = network->output();
  network->Add(MakeDense(input, units, InitialSpread(next, input.size(), units), bias), name);
  if (next != ActivationKind::kIdentity) {
    network->Add(MakeActivation(network->output(), next), "");
  }
}

Network ExamplePath(const DenoiserShape& shape) {
  Network network(shape.example);
  for (size_t c = 0; c < shape.channels.size(); ++c) {
    const Shape input = network.output();
    const double spread =
        InitialSpread(ActivationKind::kRelu, 9 * input.channels, 9 * shape.channels[c]);
    network.Add(MakeConvolution(input, shape.channels[c], 3, 1, 1, spread),
                absl::StrCat("convolution.", c));
    network.Add(MakeActivation(network.output(), ActivationKind::kRelu), "");
    network.Add(MakeMaxPool(network.output(), 2, 2), "");
    if (shape.dropout > 0) {
      network.Add(MakeDropout(network.output(), shape.dropout,
                              shape.first_dropout + static_cast<uint32_t>(c)),
                  "");
    }
  }
  if (!shape.channels.empty()) {
    AddDense(shape.hidden, ActivationKind::kRelu, "features", &network);
  }
  // Its output goes through a ReLU, added to the other path's, which has the bias.
  const Shape input = network.output();
  network.Add(MakeDense(input, shape.hidden,
                        InitialSpread(ActivationKind::kRelu, input.size(), shape.hidden), false),
              "example");
  return network;
}

Network EmbeddingPath(const DenoiserShape& shape) {
  Network network({shape.dimension + (shape.timed ? 2 * kFrequencies : 0), 1, 1});
  if (!shape.channels.empty()) {
    AddDense(shape.hidden, ActivationKind::kRelu, "label", &network);
    const Shape input = network.output();
    network.Add(
        MakeResidualDense(input, InitialSpread(ActivationKind::kRelu, input.size(), input.size())),
        "residual");
  }
  AddDense(shape.hidden, ActivationKind::kIdentity, "embedding", &network);
  return network;
}

Network HeadOf(const DenoiserShape& shape) {
  Network network({shape.hidden, 1, 1});
  network.Add(MakeActivation(network.output(), ActivationKind::kRelu), "");
  AddDense(shape.outputs, ActivationKind::kIdentity, "head", &network);
  return network;
}

}  // namespace

Denoiser::Denoiser(const DenoiserShape& shape)
    : dimension_(shape.dimension),
      example_(ExamplePath(shape)),
      embedding_(EmbeddingPath(shape)),
      head_(HeadOf(shape)) {
  for (int k = 0; shape.timed && k < kFrequencies; ++k) {
    frequencies_.push_back(PortableExp(kLogHighestFrequency * k / (kFrequencies - 1)));
  }
}

std::vector<ParameterTensor> Denoiser::Tensors(const std::string& prefix, int64_t offset) const {
  std::vector<ParameterTensor> tensors;
  for (const Network* network : {&example_, &embedding_, &head_}) {
    for (ParameterTensor tensor : TensorsOf(*network)) {
      tensor.name = absl::StrCat(prefix, tensor.name);
      tensor.offset += offset;
      tensors.push_back(std::move(tensor));
    }
    offset += network->parameters();
  }
  return tensors;
}

void Denoiser::Initialise(uint64_t seed, std::span<float> values, uint64_t first_stream) const {
  for (const Network* network : {&example_, &embedding_, &head_}) {
    network->Initialise(seed, values, first_stream);
    values = values.subspan(static_cast<size_t>(network->parameters()));
    first_stream += network->segments().size();
  }
}

const float* Denoiser::Read(const Pass& pass, std::span<const float> parameters, const float* x,
                            Trace* trace) const {
  return example_.Forward(pass, parameters, x, &trace->example);
}

const float* Denoiser::Forward(const Pass& pass, std::span<const float> parameters,
                               const float* read, const float* z, const double* times,
                               Trace* trace) const {
  trace->given = z;
  if (times != nullptr) {
    float* out = pass.workspace->Take(pass.rows * embedding_.input().size());
    trace->given = out;
    for (int64_t row = 0; row < pass.rows; ++row) {
      out = std::copy_n(z + row * dimension_, dimension_, out);
      for (const double f : frequencies_) *out++ = static_cast<float>(PortableSin(f * times[row]));
      for (const double f : frequencies_) *out++ = static_cast<float>(PortableCos(f * times[row]));
    }
  }
  const float* const contribution =
      embedding_.Forward(pass, Embedding(parameters), trace->given, &trace->embedding);
  const int64_t count = pass.rows * head_.input().size();
  float* const joined = pass.workspace->Take(count);
  std::copy_n(read, count, joined);
  pass.kernels->add(count, contribution, joined);
  trace->joined = joined;
  return head_.Forward(pass, Head(parameters), joined, &trace->head);
}

void Denoiser::Backward(const Pass& pass, std::span<const float> parameters, const float* x,
                        const Trace& trace, const float* d_outputs, float* dz,
                        float* gradient) const {
  float* const d_joined = pass.workspace->Take(pass.rows * head_.input().size());
  float* const embedding_gradient = gradient + example_.parameters();
  head_.Backward(pass, Head(parameters), trace.joined, trace.head, d_outputs,
                 embedding_gradient + embedding_.parameters(), d_joined);
  example_.Backward(pass, parameters, x, trace.example, d_joined, gradient);
  const int64_t given = embedding_.input().size();
  float* const d_given = dz == nullptr         ? nullptr
                         : given == dimension_ ? dz
                                               : pass.workspace->Take(pass.rows * given);
  embedding_.Backward(pass, Embedding(parameters), trace.given, trace.embedding, d_joined,
                      embedding_gradient, d_given);
  if (d_given == dz) return;
  for (int64_t row = 0; row < pass.rows; ++row) {
    std::copy_n(d_given + row * given, dimension_, dz + row * dimension_);
  }
}

}  // namespace gradloom
