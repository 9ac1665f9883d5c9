#include "models/layers/layer_kind.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace gradloom {

// Each is defined beside its layer.
extern const LayerKind kConvolutionLayer, kMaxPoolLayer, kAveragePoolLayer, kGhostBatchNormLayer,
    kDenseLayer, kDropoutLayer, kActivationLayer;

namespace {

// Every layer.
constexpr const LayerKind* kTable[] = {
    &kConvolutionLayer, &kMaxPoolLayer, &kAveragePoolLayer, &kGhostBatchNormLayer,
    &kDenseLayer,       &kDropoutLayer, &kActivationLayer,
};
constexpr std::span<const LayerKind* const> kLayers = kTable;

}  // namespace

void FillLayer(v1::LayerSpec* layer) { FillKind(kLayers, layer); }

void CheckLayer(const v1::LayerSpec& layer, const std::string& field, Findings* findings) {
  CheckKind(kLayers, layer, field, findings);
}

absl::Status AddLayer(const v1::LayerSpec& layer, LayerPlace place, Network* network) {
  place.field += "." + ChosenField(layer)->name();
  return FindKind(kLayers, layer)->add(layer, place, network);
}

int64_t GroupOf(const v1::LayerSpec& layer) {
  const LayerKind* kind = FindKind(kLayers, layer);
  return kind->group == nullptr ? 1 : kind->group(layer);
}

absl::Status FitsInto(double most, const std::string& field, absl::string_view what,
                      std::initializer_list<int64_t> sizes) {
  double product = 1;
  for (const int64_t size : sizes) product *= static_cast<double>(size);
  if (product <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", what, " are ", product, " values; legal are up to ", most));
}

absl::Status WindowFits(const std::string& field, int64_t size, int64_t padding,
                        const Shape& input) {
  const int64_t most = std::min(input.height, input.width) + 2 * padding;
  if (size <= most) return absl::OkStatus();
  return Illegal(
      field, size,
      absl::StrCat(most < 1 ? "less than any" : absl::StrCat("from 1 to ", most),
                   " (the layer's input has ", input.height, " x ", input.width, " pixels)"));
}

}  // namespace gradloom
