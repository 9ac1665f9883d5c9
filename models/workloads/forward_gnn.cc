// Checks a ForwardGnn message against the graph and makes the workload of its method.
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/data/sources.h"
#include "models/workloads/gnn/gnn_workload.h"
#include "models/workloads/workload_kind.h"

namespace gradloom {
namespace {

using v1::ForwardGnn;

constexpr int64_t kMaxLayers = 64;
constexpr int64_t kMaxWidth = 1 << 14;
constexpr Range kSinglePrecision =
    Within(-std::numeric_limits<float>::max(), std::numeric_limits<float>::max());
// Floats of all layers' outputs, under all views.
constexpr int64_t kMaxActivations = int64_t{1} << 31;

absl::Status CheckData(const DatasetInfo& data, const std::string& field) {
  if (data.graph == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " needs a graph (data.train: ", GraphSources(), "); the data has ",
                     data.examples, " unconnected examples"));
  }
  if (data.examples != data.graph->nodes) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " splits the graph itself, 64/16/20; ", data.examples, " of ",
                     data.graph->nodes, " nodes are left to it: data.holdout must be 0"));
  }
  return absl::OkStatus();
}

constexpr NumberField kNumbers[] = {
    {"layers", Within(1, kMaxLayers), 2},
    {"width", Within(1, kMaxWidth), 128},
    {"heads", AtLeast(1)},
    {"threshold", kSinglePrecision, 2},
    {"temperature", {.low = 0, .high = kSinglePrecision.high, .above = true}, 1},
};

void Fill(v1::WorkloadSpec* spec) {
  ForwardGnn* gnn = spec->mutable_forward_gnn();
  if (gnn->convolution() == ForwardGnn::CONVOLUTION_UNSPECIFIED) {
    gnn->set_convolution(ForwardGnn::GCN);
  }
  if (gnn->convolution() == ForwardGnn::GAT && !gnn->has_heads()) gnn->set_heads(4);
  if (gnn->task() == ForwardGnn::TASK_UNSPECIFIED) gnn->set_task(ForwardGnn::NODE_CLASSIFICATION);
  if (gnn->method() == ForwardGnn::METHOD_UNSPECIFIED) gnn->set_method(ForwardGnn::SF);
  if (!gnn->has_seed()) gnn->set_seed(1);
}

// Which methods train for which task.
bool Trains(ForwardGnn::Method method, ForwardGnn::Task task) {
  const bool links = task == ForwardGnn::LINK_PREDICTION;
  switch (method) {
    case ForwardGnn::SF:
    case ForwardGnn::SF_TOP2INPUT:
    case ForwardGnn::BACKPROPAGATION:
      return true;
    case ForwardGnn::FF:
    case ForwardGnn::FF_TOP2INPUT:
      return links;
    case ForwardGnn::SF_TOP2LOSS:
    case ForwardGnn::FF_LA:
    case ForwardGnn::FF_VN:
      return !links;
    default:
      return true;  // none at all; the values of enums have been checked
  }
}

std::string MethodsFor(ForwardGnn::Task task) {
  std::string methods;
  for (int i = 1; i < ForwardGnn::Method_descriptor()->value_count(); ++i) {
    const int number = ForwardGnn::Method_descriptor()->value(i)->number();
    if (!Trains(static_cast<ForwardGnn::Method>(number), task)) continue;
    absl::StrAppend(&methods, methods.empty() ? "" : ", ",
                    EnumWord(ForwardGnn::Method_descriptor(), number));
  }
  return absl::StrCat(methods, " for ", EnumWord(ForwardGnn::Task_descriptor(), task));
}

void Check(const v1::WorkloadSpec& spec, const std::string& field, Findings* findings) {
  const ForwardGnn& gnn = spec.forward_gnn();
  if (gnn.has_heads() && gnn.convolution() != ForwardGnn::GAT) {
    findings->Add(field + ".heads", "does nothing here; only convolution gat has it");
  } else if (gnn.has_heads() && gnn.heads() > 0) {
    findings->Require(gnn.width() % gnn.heads() == 0, field + ".heads", gnn.heads(),
                      absl::StrCat("a divisor of width = ", gnn.width()));
  }
  findings->Require(Trains(gnn.method(), gnn.task()), field + ".method",
                    EnumWord(ForwardGnn::Method_descriptor(), gnn.method()),
                    MethodsFor(gnn.task()));
}

Convolution ConvolutionOf(const ForwardGnn& gnn) {
  switch (gnn.convolution()) {
    case ForwardGnn::SAGE:
      return Convolution::kSage;
    case ForwardGnn::GAT:
      return Convolution::kGat;
    default:
      return Convolution::kGcn;
  }
}

GnnSettings SettingsOf(const ForwardGnn& gnn) {
  return {.convolution = ConvolutionOf(gnn),
          .method = gnn.method(),
          .links = gnn.task() == ForwardGnn::LINK_PREDICTION,
          .layers = static_cast<int>(gnn.layers()),
          .width = gnn.width(),
          .heads = gnn.has_heads() ? gnn.heads() : 1,
          .threshold = static_cast<float>(gnn.threshold()),
          .temperature = static_cast<float>(gnn.temperature()),
          .seed = gnn.seed()};
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

MadeWorkload Make(const v1::WorkloadSpec& spec, const DatasetInfo& data, const std::string& field) {
  if (absl::Status status = CheckData(data, field); !status.ok()) return status;
  const GnnSettings settings = SettingsOf(spec.forward_gnn());
  absl::Status status = CheckSize(settings, *data.graph, field);
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

}  // namespace

extern const WorkloadKind kForwardGnnWorkload = {
    .spec = {.kind = v1::WorkloadSpec::kForwardGnn,
             .numbers = kNumbers,
             .fill = Fill,
             .check = Check},
    .batch_size = 0,
    .make = Make,
};

}  // namespace gradloom
