#include <utility>

#include "absl/strings/str_cat.h"
#include "models/layers/activation.h"
#include "models/layers/layer_kind.h"
#include "models/layers/layers.h"
#include "models/workloads/network_workload.h"
#include "models/workloads/workload_kind.h"

namespace gradloom {
namespace {

constexpr int64_t kSubBatch = 128;

constexpr NumberField kNumbers[] = {{"hidden", kUnitsRange}, {"dropout", kDropoutRange}};

MadeWorkload Make(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                  const std::string& /*field*/) {
  const v1::Mlp& model = spec.mlp();
  const ActivationKind activation = ActivationOf(model.activation());
  Shape shape{data.features, 1, 1};
  Network network(shape);
  for (int i = 0; i < model.hidden_size(); ++i) {
    const int64_t units = model.hidden(i);
    network.Add(MakeDense(shape, units, InitialSpread(activation, shape.size(), units)),
                absl::StrCat("layers.", i));
    shape = network.output();
    network.Add(MakeActivation(shape, activation), "");
    if (model.dropout() > 0) {
      network.Add(MakeDropout(shape, model.dropout(), static_cast<uint32_t>(i)), "");
    }
  }
  const int64_t units = data.classes == 0 ? 1 : data.classes;
  network.Add(
      MakeDense(shape, units, InitialSpread(ActivationKind::kIdentity, shape.size(), units)),
      absl::StrCat("layers.", model.hidden_size()));
  return std::make_unique<NetworkWorkload>(
      std::move(network), data.classes == 0 ? LossKind::kSquared : LossKind::kSoftmax, kSubBatch,
      model.hidden_size() == 0, data);
}

}  // namespace

extern const WorkloadKind kMlpWorkload = {
    .spec = {.kind = v1::WorkloadSpec::kMlp,
             .numbers = kNumbers,
             .fill = [](v1::WorkloadSpec* spec) { FillActivation(spec->mutable_mlp()); }},
    .takes = TakesTargets::kAsEither,
    .writes_out_sparse = true,
    .one_lane = true,
    .make = Make,
};

}  // namespace gradloom
