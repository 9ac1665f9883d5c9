// The stack of layers that a Cnn spec lists, and a last dense layer to the classes.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/layers/activation.h"
#include "models/layers/layer_kind.h"
#include "models/layers/layers.h"
#include "models/workloads/network_workload.h"
#include "models/workloads/workload_kind.h"

namespace gradloom {
namespace {

constexpr int64_t kSubBatch = 32;

void Fill(v1::WorkloadSpec* spec) {
  for (v1::LayerSpec& layer : *spec->mutable_cnn()->mutable_layers()) FillLayer(&layer);
}

std::string FieldOf(const std::string& field, int layer) {
  return absl::StrCat(field, ".layers[", layer, "]");
}

void Check(const v1::WorkloadSpec& spec, const std::string& field, Findings* findings) {
  for (int i = 0; i < spec.cnn().layers_size(); ++i) {
    CheckLayer(spec.cnn().layers(i), FieldOf(field, i), findings);
  }
}

// Whole groups of the layer with the largest.
int64_t SubBatchOf(const v1::Cnn& model) {
  int64_t group = 1;
  for (const v1::LayerSpec& layer : model.layers()) group = std::max(group, GroupOf(layer));
  return group * std::max<int64_t>(1, kSubBatch / group);
}

MadeWorkload Make(const v1::WorkloadSpec& spec, const DatasetInfo& data, const std::string& field) {
  const v1::Cnn& model = spec.cnn();
  if (absl::Status status = CheckHasImages(data, field); !status.ok()) return status;
  const int64_t sub_batch = SubBatchOf(model);
  Network network({data.channels, data.height, data.width});
  for (int i = 0; i < model.layers_size(); ++i) {
    const LayerPlace place{FieldOf(field, i), absl::StrCat("layers.", i), i, sub_batch};
    const absl::Status status = AddLayer(model.layers(i), place, &network);
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

}  // namespace

extern const WorkloadKind kCnnWorkload = {
    .spec = {.kind = v1::WorkloadSpec::kCnn, .fill = Fill, .check = Check},
    .takes = TakesTargets::kAsEither,
    .one_lane = true,
    .make = Make,
};

}  // namespace gradloom
