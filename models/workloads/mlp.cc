#include <utility>

#include "models/layers/layers.h"
#include "models/workloads/builders.h"
#include "models/workloads/network_workload.h"

namespace gradloom {
namespace {

constexpr int64_t kSubBatch = 128;

}  // namespace

MadeWorkload MakeMlp(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                     const std::string& field) {
  const v1::Mlp& model = spec.mlp();
  if (auto status = CheckSparseFeatures(data, field); !status.ok()) return status;
  if (!(model.dropout() >= 0 && model.dropout() < 1)) {
    return Illegal(field + ".dropout", model.dropout(), "0 up to, not including, 1");
  }
  const absl::StatusOr<ActivationKind> activation =
      ActivationOf(model.activation(), field + ".activation");
  if (!activation.ok()) return activation.status();

  Shape shape{data.features, 1, 1};
  Network network(shape);
  for (int i = 0; i < model.hidden_size(); ++i) {
    const int64_t units = model.hidden(i);
    if (units < 1 || units > kMaxUnits) {
      return Illegal(absl::StrCat(field, ".hidden[", i, "]"), units,
                     absl::StrCat("1 to ", kMaxUnits));
    }
    network.Add(MakeDense(shape, units, InitialSpread(*activation, shape.size(), units)),
                absl::StrCat("layers.", i));
    shape = network.output();
    network.Add(MakeActivation(shape, *activation), "");
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

}  // namespace gradloom
