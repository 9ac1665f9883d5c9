// The stack of layers that a Cnn spec lists, and a last dense layer to the classes.
#include <algorithm>
#include <initializer_list>
#include <limits>
#include <utility>

#include "absl/strings/str_join.h"
#include "models/layers/layers.h"
#include "models/workloads/builders.h"
#include "models/workloads/network_workload.h"

namespace gradloom {
namespace {

constexpr int64_t kSubBatch = 32;
constexpr int64_t kMaxGroup = 4096;
constexpr int64_t kMaxStride = 1 << 20;
constexpr int64_t kMaxKernel = 1 << 10;
// Of what a layer makes of one example, of what it lays out for that, and of its parameters. So no
// product overflows, and a sub-batch fits into memory.
constexpr double kMaxOutputs = 0x1p24, kMaxColumns = 0x1p28, kMaxParameters = 0x1p40;

struct Position {
  std::string field;  // "workload.cnn.layers[2].conv"
  std::string name;   // "layers.2"
  int number = 0;     // in the list
  int64_t sub_batch = 0;
};

absl::Status InRange(const std::string& field, int64_t value, int64_t lowest, int64_t highest,
                     absl::string_view why = "") {
  if (value >= lowest && value <= highest) return absl::OkStatus();
  if (highest < lowest) {
    return absl::InvalidArgumentError(absl::StrCat(field, " = ", value, ": no value fits", why));
  }
  return Illegal(field, value, absl::StrCat(lowest, " to ", highest, why));
}

// The product of sizes, in a type that none of them overflows.
absl::Status Fits(const std::string& field, absl::string_view what,
                  std::initializer_list<int64_t> sizes, double most) {
  double product = 1;
  for (const int64_t size : sizes) product *= static_cast<double>(size);
  if (product <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", what, " are ", product, " values; legal are up to ", most));
}

std::string OnPixels(const Shape& shape) {
  return absl::StrCat(" (the layer's input has ", shape.height, " x ", shape.width, " pixels)");
}

// Adds the activation unless it is the identity.
void AddActivation(ActivationKind kind, Network* network) {
  if (kind == ActivationKind::kIdentity) return;
  network->Add(MakeActivation(network->output(), kind), "");
}

absl::Status AddConv(const v1::LayerSpec& layer, const Position& at, Network* network) {
  const v1::Conv& spec = layer.conv();
  const Shape input = network->output();
  const int64_t kernel = spec.has_kernel() ? spec.kernel() : 3;
  const int64_t stride = spec.has_stride() ? spec.stride() : 1;
  const int64_t padding = spec.padding(), channels = spec.channels();
  absl::Status status = InRange(at.field + ".channels", channels, 1, kMaxUnits);
  status.Update(InRange(at.field + ".kernel", kernel, 1, kMaxKernel));
  status.Update(InRange(at.field + ".stride", stride, 1, kMaxStride));
  if (!status.ok()) return status;
  status.Update(
      InRange(at.field + ".padding", padding, 0, kernel - 1, ", less than the kernel's size"));
  if (!status.ok()) return status;
  status = InRange(at.field + ".kernel", kernel, 1,
                   std::min(input.height, input.width) + 2 * padding, OnPixels(input));
  if (!status.ok()) return status;
  const int64_t height = (input.height + 2 * padding - kernel) / stride + 1;
  const int64_t width = (input.width + 2 * padding - kernel) / stride + 1;
  const int64_t window = kernel * kernel;
  status = Fits(at.field, "its parameters", {channels, input.channels, window}, kMaxParameters);
  status.Update(Fits(at.field, "its outputs", {channels, height, width}, kMaxOutputs));
  status.Update(
      Fits(at.field, "its windows", {input.channels, window, height, width}, kMaxColumns));
  if (!status.ok()) return status;
  const auto activation = ActivationOf(spec.activation(), at.field + ".activation");
  if (!activation.ok()) return activation.status();
  const double spread =
      InitialSpread(*activation, input.channels * kernel * kernel, channels * kernel * kernel);
  network->Add(MakeConvolution(input, channels, kernel, stride, padding, spread), at.name);
  AddActivation(*activation, network);
  return absl::OkStatus();
}

template <std::unique_ptr<Layer> (*make)(const Shape&, int64_t, int64_t)>
absl::Status AddPool(const v1::Pool& spec, const Position& at, Network* network) {
  const Shape input = network->output();
  const int64_t size = spec.has_size() ? spec.size() : 2;
  const int64_t stride = spec.has_stride() ? spec.stride() : size;
  absl::Status status =
      InRange(at.field + ".size", size, 1, std::min(input.height, input.width), OnPixels(input));
  status.Update(InRange(at.field + ".stride", stride, 1, kMaxStride));
  if (status.ok()) network->Add(make(input, size, stride), at.name);
  return status;
}

absl::Status AddMaxPool(const v1::LayerSpec& layer, const Position& at, Network* network) {
  return AddPool<&MakeMaxPool>(layer.max_pool(), at, network);
}

absl::Status AddAveragePool(const v1::LayerSpec& layer, const Position& at, Network* network) {
  return AddPool<&MakeAveragePool>(layer.average_pool(), at, network);
}

absl::Status AddBatchNorm(const v1::LayerSpec& layer, const Position& at, Network* network) {
  const v1::GhostBatchNorm& spec = layer.batch_norm();
  const int64_t group = spec.has_group() ? spec.group() : at.sub_batch;
  const double epsilon = spec.has_epsilon() ? spec.epsilon() : 1e-5;
  absl::Status status = InRange(at.field + ".group", group, 2, kMaxGroup);
  if (!status.ok()) return status;
  if (!(epsilon > 0 && epsilon < std::numeric_limits<float>::max())) {
    return Illegal(at.field + ".epsilon", epsilon, "positive numbers");
  }
  network->Add(MakeGhostBatchNorm(network->output(), group, epsilon), at.name);
  return absl::OkStatus();
}

absl::Status AddDense(const v1::LayerSpec& layer, const Position& at, Network* network) {
  const v1::DenseLayer& spec = layer.dense();
  const int64_t units = spec.units(), inputs = network->output().size();
  absl::Status status = InRange(at.field + ".units", units, 1, kMaxUnits);
  if (status.ok()) status = Fits(at.field, "its parameters", {units, inputs}, kMaxParameters);
  if (!status.ok()) return status;
  const auto activation = ActivationOf(spec.activation(), at.field + ".activation");
  if (!activation.ok()) return activation.status();
  network->Add(MakeDense(network->output(), units, InitialSpread(*activation, inputs, units)),
               at.name);
  AddActivation(*activation, network);
  return absl::OkStatus();
}

absl::Status AddDropout(const v1::LayerSpec& layer, const Position& at, Network* network) {
  const double probability = layer.dropout().probability();
  if (!(probability >= 0 && probability < 1)) {
    return Illegal(at.field + ".probability", probability, "0 up to, not including, 1");
  }
  if (probability == 0) return absl::OkStatus();
  network->Add(MakeDropout(network->output(), probability, static_cast<uint32_t>(at.number)),
               at.name);
  return absl::OkStatus();
}

absl::Status AddActivate(const v1::LayerSpec& layer, const Position& at, Network* network) {
  const auto kind = ActivationOf(layer.activate().activation(), at.field + ".activation");
  if (!kind.ok()) return kind.status();
  AddActivation(*kind, network);
  return absl::OkStatus();
}

struct Entry {
  v1::LayerSpec::LayerCase kind;
  const char* name;
  absl::Status (*add)(const v1::LayerSpec& layer, const Position& at, Network* network);
};

// Every layer.
constexpr Entry kLayers[] = {
    {v1::LayerSpec::kConv, "conv", &AddConv},
    {v1::LayerSpec::kMaxPool, "max_pool", &AddMaxPool},
    {v1::LayerSpec::kAveragePool, "average_pool", &AddAveragePool},
    {v1::LayerSpec::kBatchNorm, "batch_norm", &AddBatchNorm},
    {v1::LayerSpec::kDense, "dense", &AddDense},
    {v1::LayerSpec::kDropout, "dropout", &AddDropout},
    {v1::LayerSpec::kActivate, "activate", &AddActivate},
};

// Whole groups of the largest batch normalisation.
int64_t SubBatchOf(const v1::Cnn& model) {
  int64_t group = 1;
  for (const v1::LayerSpec& layer : model.layers()) {
    group = std::clamp<int64_t>(layer.batch_norm().group(), group, kMaxGroup);
  }
  return group * std::max<int64_t>(1, kSubBatch / group);
}

absl::Status AddLayer(const v1::LayerSpec& layer, Position at, Network* network) {
  for (const Entry& entry : kLayers) {
    if (entry.kind != layer.layer_case()) continue;
    at.field += absl::StrCat(".", entry.name);
    return entry.add(layer, at, network);
  }
  const auto name = [](std::string* out, const Entry& entry) { out->append(entry.name); };
  return absl::InvalidArgumentError(absl::StrCat(
      at.field, ": no known layer is given; known: ", absl::StrJoin(kLayers, ", ", name)));
}

}  // namespace

MadeWorkload MakeCnn(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                     const std::string& field) {
  const v1::Cnn& model = spec.cnn();
  const Shape shape{data.channels, data.height, data.width};
  if (data.sparse || shape.size() < 1 || shape.size() != data.features) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " needs images; the data has ", data.features,
                     data.sparse ? " sparse" : " plain", " features"));
  }
  const int64_t sub_batch = SubBatchOf(model);
  Network network(shape);
  for (int i = 0; i < model.layers_size(); ++i) {
    const Position at{absl::StrCat(field, ".layers[", i, "]"), absl::StrCat("layers.", i), i,
                      sub_batch};
    const absl::Status status = AddLayer(model.layers(i), at, &network);
    if (!status.ok()) return status;
  }
  const int64_t units = data.classes == 0 ? 1 : data.classes;
  network.Add(MakeDense(network.output(), units,
                        InitialSpread(ActivationKind::kIdentity, network.output().size(), units)),
              absl::StrCat("layers.", model.layers_size()));
  return std::make_unique<NetworkWorkload>(
      std::move(network), data.classes == 0 ? LossKind::kSquared : LossKind::kSoftmax, sub_batch,
      false, data);
}

}  // namespace gradloom
