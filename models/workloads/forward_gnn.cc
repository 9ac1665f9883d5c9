// Checks a ForwardGnn message against the graph and makes the workload of its method.
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "models/workloads/builders.h"
#include "models/workloads/gnn/gnn_workload.h"

namespace gradloom {
namespace {

using v1::ForwardGnn;

constexpr int64_t kMaxLayers = 64;
constexpr int64_t kMaxWidth = 1 << 14;
// Floats of all layers' outputs, under all views.
constexpr int64_t kMaxActivations = int64_t{1} << 31;

absl::Status CheckData(const DatasetInfo& data, const std::string& field) {
  if (data.graph == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " needs a graph (data.train: graph_npz, graph_csv or block_model); the data has ",
        data.examples, " unconnected examples"));
  }
  if (data.examples != data.graph->nodes) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " splits the graph itself, 64/16/20; ", data.examples, " of ",
                     data.graph->nodes, " nodes are left to it: data.holdout must be 0"));
  }
  return absl::OkStatus();
}

absl::Status ReadNumbers(const ForwardGnn& spec, const std::string& field, GnnSettings& settings) {
  if (spec.has_layers())
    settings.layers = static_cast<int>(std::min<uint32_t>(spec.layers(), 1000));
  if (settings.layers < 1 || settings.layers > kMaxLayers) {
    return Illegal(field + ".layers", spec.layers(), absl::StrCat("1 to ", kMaxLayers));
  }
  if (spec.has_width()) settings.width = spec.width();
  if (settings.width < 1 || settings.width > kMaxWidth) {
    return Illegal(field + ".width", settings.width, absl::StrCat("1 to ", kMaxWidth));
  }
  if (settings.convolution == Convolution::kGat) {
    settings.heads = spec.has_heads() ? spec.heads() : 4;
    if (settings.heads < 1 || settings.width % settings.heads != 0) {
      return Illegal(field + ".heads", settings.heads,
                     absl::StrCat("the divisors of width = ", settings.width));
    }
  } else if (spec.has_heads()) {
    return Illegal(field + ".heads", spec.heads(), "none: only convolution gat has heads");
  }
  if (spec.has_threshold()) settings.threshold = static_cast<float>(spec.threshold());
  if (!std::isfinite(settings.threshold)) {
    return Illegal(field + ".threshold", settings.threshold, "finite values");
  }
  if (spec.has_temperature()) settings.temperature = static_cast<float>(spec.temperature());
  if (!(settings.temperature > 0 && std::isfinite(settings.temperature))) {
    return Illegal(field + ".temperature", settings.temperature, "more than 0");
  }
  if (spec.has_seed()) settings.seed = spec.seed();
  return absl::OkStatus();
}

absl::Status ReadKinds(const ForwardGnn& spec, const std::string& field, GnnSettings& settings) {
  switch (spec.convolution()) {
    case ForwardGnn::CONVOLUTION_UNSPECIFIED:
    case ForwardGnn::GCN:
      settings.convolution = Convolution::kGcn;
      break;
    case ForwardGnn::SAGE:
      settings.convolution = Convolution::kSage;
      break;
    case ForwardGnn::GAT:
      settings.convolution = Convolution::kGat;
      break;
    default:
      return Illegal(field + ".convolution", static_cast<int>(spec.convolution()),
                     "gcn, sage, gat");
  }
  settings.links = spec.task() == ForwardGnn::LINK_PREDICTION;
  settings.method =
      spec.method() == ForwardGnn::METHOD_UNSPECIFIED ? ForwardGnn::SF : spec.method();
  const auto illegal = [&](const char* legal) {
    return Illegal(field + ".method",
                   absl::AsciiStrToLower(ForwardGnn::Method_Name(settings.method)), legal);
  };
  switch (settings.method) {
    case ForwardGnn::SF:
    case ForwardGnn::SF_TOP2INPUT:
    case ForwardGnn::BACKPROPAGATION:
      return absl::OkStatus();
    case ForwardGnn::FF:
    case ForwardGnn::FF_TOP2INPUT:
      if (settings.links) return absl::OkStatus();
      break;
    case ForwardGnn::SF_TOP2LOSS:
    case ForwardGnn::FF_LA:
    case ForwardGnn::FF_VN:
      if (!settings.links) return absl::OkStatus();
      break;
    default:
      break;
  }
  return settings.links
             ? illegal("sf, sf_top2input, ff, ff_top2input, backpropagation for link_prediction")
             : illegal(
                   "sf, sf_top2loss, sf_top2input, ff_la, ff_vn, backpropagation for "
                   "node_classification");
}

absl::Status CheckSize(const GnnSettings& settings, const Graph& graph, const std::string& field) {
  if (!settings.links && graph.classes < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " needs two classes or more; the graph has ", graph.classes));
  }
  const bool views = settings.method == ForwardGnn::FF_LA || settings.method == ForwardGnn::FF_VN;
  const int64_t copies = views ? graph.classes : 1;
  if ((graph.nodes + graph.classes) * copies > kMaxActivations / settings.width / settings.layers) {
    return Illegal(
        field + ".width", settings.width,
        absl::StrCat("such that nodes x views x layers x width is at most ", kMaxActivations,
                     "; the graph has ", graph.nodes, " nodes, the method ", copies, " views"));
  }
  return absl::OkStatus();
}

}  // namespace

MadeWorkload MakeForwardGnn(const v1::WorkloadSpec& spec, const DatasetInfo& data,
                            const std::string& field) {
  if (absl::Status status = CheckData(data, field); !status.ok()) return status;
  GnnSettings settings;
  absl::Status status = ReadKinds(spec.forward_gnn(), field, settings);
  if (status.ok()) status = ReadNumbers(spec.forward_gnn(), field, settings);
  if (status.ok()) status = CheckSize(settings, *data.graph, field);
  if (!status.ok()) return status;
  absl::StatusOr<Split> split = settings.links ? SplitLinks(*data.graph, settings.seed, field)
                                               : SplitNodes(*data.graph, settings.seed, field);
  if (!split.ok()) return split.status();
  switch (settings.method) {
    case ForwardGnn::SF_TOP2LOSS:
      return MakeTop2LossGnn(settings, data.graph, *std::move(split));
    case ForwardGnn::SF_TOP2INPUT:
    case ForwardGnn::FF_TOP2INPUT:
      return MakeTop2InputGnn(settings, data.graph, *std::move(split));
    case ForwardGnn::BACKPROPAGATION:
      return MakeBackpropagationGnn(settings, data.graph, *std::move(split));
    default:
      return MakeGreedyGnn(settings, data.graph, *std::move(split));
  }
}

}  // namespace gradloom
