#include "models/workloads/gnn/gnn_workload.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/random.h"

namespace gradloom {
namespace {

using v1::ForwardGnn;

// Attention and backpropagation go over the whole graph for every sub-batch: one must suffice.
int64_t SubBatch(const GnnSettings& settings, int64_t samples) {
  constexpr int64_t kRows = 1024;
  const bool whole =
      settings.convolution == Convolution::kGat || settings.method == ForwardGnn::BACKPROPAGATION;
  return whole ? samples : kRows;
}

int64_t VirtualNodes(const GnnSettings& settings, const Graph& graph) {
  switch (settings.method) {
    case ForwardGnn::SF:
    case ForwardGnn::SF_TOP2LOSS:
    case ForwardGnn::SF_TOP2INPUT:
    case ForwardGnn::FF_VN:
      return settings.links ? 0 : graph.classes;
    default:
      return 0;
  }
}

}  // namespace

GnnWorkload::GnnWorkload(const GnnSettings& settings, std::shared_ptr<const Graph> graph,
                         std::unique_ptr<Objective> objective)
    : Workload(objective->split().train.size()),
      settings_(settings),
      graph_(std::move(graph)),
      objective_(std::move(objective)),
      virtual_nodes_(VirtualNodes(settings, *graph_)),
      sub_batch_(SubBatch(settings, objective_->split().train.size())) {}

void GnnWorkload::AddLayer(int64_t inputs, int64_t units, bool relu) {
  // The heads' outputs lie side by side; the last layer of backpropagation has one head.
  const int64_t heads = relu || settings_.links ? settings_.heads : 1;
  const std::string name = absl::StrCat("layer-", layers_.size());
  layers_.emplace_back(settings_.convolution, inputs, units, heads, relu);
  const int64_t size = layers_.back().parameters();
  segments_.push_back(
      {layers_.back().Tensors(absl::StrCat("layers.", layers_.size() - 1), 0), size});
  lanes_.push_back({name, ReplyLayout::OfGradient(size), {}});
}

void GnnWorkload::Initialise(uint64_t seed, int segment, std::span<float> values) const {
  RandomStream stream(seed, Purpose::kInitialParameters, static_cast<uint64_t>(segment));
  layers_[segment].Initialise(stream, values);
}

int64_t GnnWorkload::AggregatedWidth(int64_t width) const {
  return settings_.convolution == Convolution::kSage ? 2 * width : width;
}

std::shared_ptr<const Topology> GnnWorkload::MakeTopologyOf(
    const std::vector<int32_t>& hears, const std::vector<int32_t>& members) const {
  return std::make_shared<Topology>(MakeTopology(
      settings_.convolution, objective_->split().neighbours, virtual_nodes_, hears, members));
}

std::vector<int32_t> GnnWorkload::TrainedLabels(int32_t other) const {
  std::vector<int32_t> labels(graph_->nodes, other);
  const Samples& train = objective_->split().train;
  for (int64_t i = 0; i < train.size(); ++i) {
    labels[train.node[i]] = static_cast<int32_t>(train.target[i]);
  }
  return labels;
}

LayerInputs GnnWorkload::NoInputs(std::vector<std::shared_ptr<const Topology>> topologies) const {
  LayerInputs inputs;
  inputs.real = graph_->nodes;
  inputs.rows = graph_->nodes + virtual_nodes_;
  inputs.views = static_cast<int>(topologies.size());
  inputs.topologies = std::move(topologies);
  return inputs;
}

Csr GnnWorkload::NormalisedFeatures(const std::vector<float>& added) const {
  Csr x;
  x.columns = graph_->features;
  x.start = graph_->feature_start;
  x.column = graph_->feature;
  x.value = graph_->value;
  for (int64_t i = 0; i < graph_->nodes; ++i) {
    double square = added.empty() ? 0 : added[i];
    for (int64_t k = x.start[i]; k < x.start[i + 1]; ++k) square += double{x.value[k]} * x.value[k];
    const auto norm = static_cast<float>(std::sqrt(square));
    for (int64_t k = x.start[i]; k < x.start[i + 1]; ++k) x.value[k] /= norm;
  }
  return x;
}

Matrix GnnWorkload::VirtualFeatures() const {
  Matrix features(virtual_nodes_, graph_->features);
  for (int64_t v = 0; v < virtual_nodes_; ++v) {
    RandomStream stream(settings_.seed, Purpose::kGraphTraining, static_cast<uint64_t>(v),
                        kVirtualUse);
    for (int64_t j = 0; j < features.columns; ++j) {
      features.row(v)[j] = static_cast<float>(stream.NextNormal());
    }
  }
  NormaliseRows(features);
  return features;
}

std::shared_ptr<const LayerInputs> GnnWorkload::InputsFrom(
    const std::vector<Matrix>& features,
    const std::vector<std::shared_ptr<const Topology>>& topologies) const {
  auto inputs = std::make_shared<LayerInputs>(NoInputs(topologies));
  AddFeatures(features, *inputs);
  return inputs;
}

absl::Status GnnWorkload::CheckJob(const JobInputs& inputs, std::span<const int64_t> ids,
                                   std::span<float> sum) const {
  const bool lane = inputs.lane >= 0 && inputs.lane < static_cast<int>(lanes_.size());
  const std::vector<SegmentVersion> reads =
      lane ? Reads(inputs.lane, inputs.job) : std::vector<SegmentVersion>();
  bool fits = lane && inputs.segments.size() == reads.size() &&
              static_cast<int64_t>(ids.size()) <= sub_batch_ &&
              static_cast<int64_t>(sum.size()) == lanes_[inputs.lane].reply.length();
  for (size_t r = 0; fits && r < reads.size(); ++r) {
    fits = static_cast<int64_t>(inputs.segments[r].size()) == segments_[reads[r].segment].size;
  }
  if (!fits) {
    return absl::InvalidArgumentError(
        absl::StrCat("lane ", inputs.lane, ", job ", inputs.job, ": ", ids.size(), " examples, ",
                     inputs.segments.size(), " segments and a sum of ", sum.size(),
                     " values do not fit; legal are 0 to ", lanes_.size() - 1, " lanes, 0 to ",
                     sub_batch_, " examples, the segments that the job reads and its reply"));
  }
  const int64_t examples = objective_->split().train.size();
  for (const int64_t id : ids) {
    if (id < 0 || id >= examples) {
      return absl::InvalidArgumentError(
          absl::StrCat("training example ", id, "; legal are 0 to ", examples - 1));
    }
  }
  return absl::OkStatus();
}

absl::Status GnnWorkload::AddSum(const JobInputs& inputs, const Examples& /*batch*/,
                                 std::span<const int64_t> ids, std::span<float> sum) const {
  if (auto status = CheckJob(inputs, ids, sum); !status.ok()) return status;
  if (ids.empty()) return absl::OkStatus();
  const ReplyLayout& reply = lanes_[inputs.lane].reply;
  const LossSums sums = AddLoss(inputs, ids, reply.In(sum, "gradient"));
  if (sums.bad_row >= 0) {
    return absl::DataLossError(absl::StrCat(
        "training example ", ids[sums.bad_row], ": its loss is not finite; the parameters have ",
        "diverged: a lower learning rate or clipping may help"));
  }
  AddTotals(reply,
            {.loss = sums.loss,
             .correct = static_cast<double>(sums.correct),
             .examples = static_cast<int64_t>(ids.size())},
            sum);
  return absl::OkStatus();
}

LossSums GnnWorkload::AddLoss(const JobInputs& inputs, std::span<const int64_t> ids,
                              std::span<float> gradient) const {
  const GraphLayer& layer = layers_[inputs.lane];
  const Step step = StepOf(inputs);
  const std::vector<int32_t> rows = objective_->Rows(ids);
  const std::vector<GraphLayer::Pass> passes = layer.Forward(*step.inputs, rows, step.parameters);
  std::vector<const Matrix*> out;
  for (const GraphLayer::Pass& pass : passes) out.push_back(&pass.out);
  std::vector<Matrix> gradients(passes.size());
  const LossSums sums = objective_->Loss(ids, out, step.above.get(), &gradients);
  if (sums.bad_row < 0) {
    layer.Backward(*step.inputs, rows, step.parameters, passes, gradients, gradient);
  }
  return sums;
}

absl::StatusOr<Evaluation> GnnWorkload::Evaluate(const TrialView& view,
                                                 const Examples* /*test*/) const {
  bool fits = view.segments.size() == segments_.size();
  for (size_t s = 0; fits && s < segments_.size(); ++s) {
    fits = static_cast<int64_t>(view.segments[s].size()) == segments_[s].size;
  }
  if (!fits) {
    return absl::InvalidArgumentError(absl::StrCat(view.segments.size(),
                                                   " segments do not fit; legal are ",
                                                   segments_.size(), " of the layers' sizes"));
  }
  // Layers that have not begun say nothing yet; without any, the first one does.
  int begun = view.jobs_done.empty() ? static_cast<int>(layers_.size()) : 1;
  for (size_t lane = 0; lane < view.jobs_done.size(); ++lane) {
    if (view.jobs_done[lane] > 0) begun = static_cast<int>(lane) + 1;
  }
  Scores scores = objective_->NoScores();
  const int64_t terms = AddScores(view.segments, begun, scores);
  for (const float score : scores.values) {
    if (!std::isfinite(score)) {
      return absl::DataLossError(
          "scores are not finite: the parameters have diverged; a lower learning rate or clipping "
          "may help");
    }
  }
  return objective_->Judge(scores, terms);
}

}  // namespace gradloom
