// Layers that a spec lists (run.proto's LayerSpec), as a table. To add one: a message in LayerSpec,
// a file with its class and its entry, and its name in the table (layer_kind.cc).
#ifndef GRADLOOM_MODELS_LAYERS_LAYER_KIND_H_
#define GRADLOOM_MODELS_LAYERS_LAYER_KIND_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gradloom/v1/run.pb.h"
#include "models/layers/network.h"
#include "models/spec/findings.h"
#include "models/spec/kinds.h"

namespace gradloom {

// Where a layer goes.
struct LayerPlace {
  std::string field;      // "workload.cnn.layers[2].conv", for errors
  std::string name;       // "layers.2", of its parameters
  int number = 0;         // in the list
  int64_t sub_batch = 0;  // examples at a time
};

struct LayerKind {
  KindSpec<v1::LayerSpec> spec;
  // Adds the layer to the network; `layer` has its defaults and is legal. InvalidArgument when the
  // network's output is no input for it.
  absl::Status (*add)(const v1::LayerSpec& layer, const LayerPlace& place, Network* network);
  // Examples that must be computed together; sub-batches are whole groups. Null: each for itself.
  int64_t (*group)(const v1::LayerSpec& layer) = nullptr;
};

void FillLayer(v1::LayerSpec* layer);
// Reports what is wrong with a layer that has its defaults; `field` is its path, without its kind.
void CheckLayer(const v1::LayerSpec& layer, const std::string& field, Findings* findings);
// Of a layer that is legal: `place.field` is its path, without its kind.
absl::Status AddLayer(const v1::LayerSpec& layer, LayerPlace place, Network* network);
int64_t GroupOf(const v1::LayerSpec& layer);

// Widest layer that is accepted: products of two stay far below 2^63.
inline constexpr int64_t kMaxUnits = int64_t{1} << 24;
inline constexpr Range kUnitsRange = Within(1, kMaxUnits);
inline constexpr Range kDropoutRange = AtLeastBelow(0, 1);
inline constexpr Range kStrideRange = Within(1, 1 << 20);

// For entries. InvalidArgument unless the product of sizes, in a type that none of them overflows,
// is within `most`: of what a layer makes of one example, of what it lays out for that, or of its
// parameters. So no product overflows, and a sub-batch fits into memory.
absl::Status FitsInto(double most, const std::string& field, absl::string_view what,
                      std::initializer_list<int64_t> sizes);
inline constexpr double kMaxLayerOutputs = 0x1p24, kMaxLayerColumns = 0x1p28,
                        kMaxLayerParameters = 0x1p40;
// InvalidArgument unless a window of `size` pixels fits into the padded input.
absl::Status WindowFits(const std::string& field, int64_t size, int64_t padding,
                        const Shape& input);
// Adds the activation unless it is the identity.
void AddActivation(v1::Activation activation, Network* network);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LAYERS_LAYER_KIND_H_
