// Layers trained one after the other, each on inputs that no longer change: SF, FF-LA, FF-VN, and
// both forms of link prediction.
#include <algorithm>
#include <utility>

#include "models/random.h"
#include "models/workloads/gnn/gnn_workload.h"

namespace gradloom {
namespace {

using v1::ForwardGnn;
using Topologies = std::vector<std::shared_ptr<const Topology>>;

std::unique_ptr<Objective> ObjectiveOf(const GnnSettings& settings, const Graph& graph,
                                       Split split) {
  if (settings.links) {
    return MakeLinkObjective(std::move(split), settings.method == ForwardGnn::FF,
                             settings.threshold);
  }
  if (settings.method == ForwardGnn::SF) {
    return MakeSimilarityObjective(std::move(split), graph.nodes, graph.classes,
                                   settings.temperature);
  }
  return MakeGoodnessObjective(std::move(split), graph.nodes, graph.classes, settings.threshold);
}

class GreedyGnn final : public GnnWorkload {
 public:
  GreedyGnn(const GnnSettings& settings, const std::shared_ptr<const Graph>& graph, Split split)
      : GnnWorkload(settings, graph, ObjectiveOf(settings, *graph, std::move(split))) {
    MakeViews();
    for (int l = 0; l < settings.layers; ++l) {
      AddLayer(l == 0 ? first_->width : AggregatedWidth(settings.width), settings.width, true);
      if (l > 0) mutable_lanes()[l].needs.push_back({l - 1, 0, true});
    }
  }

  std::vector<SegmentVersion> Reads(int lane, int64_t job) const override {
    std::vector<SegmentVersion> reads = {{lane, job}};
    for (int below = 0; below < lane; ++below) reads.push_back({below, kFinal});
    return reads;
  }

 protected:
  Step StepOf(const JobInputs& inputs) const override {
    const Segments below = Segments(inputs.segments).subspan(1);
    return {inputs.segments[0], StageOf(inputs.lane, below, false)->inputs};
  }

  int64_t AddScores(Segments segments, int begun, Scores& scores) const override {
    const auto stage = StageOf(begun - 1, segments.first(begun - 1), true);
    scores = stage->scores;
    AddLayerScores(begun - 1, segments[begun - 1], *stage->inputs, scores);
    return begun;
  }

 private:
  // What a layer sees, and what the layers below say about all that is evaluated.
  struct Stage {
    std::shared_ptr<const LayerInputs> inputs;
    Scores scores;
  };

  bool labels() const { return settings().method == ForwardGnn::FF_LA; }
  bool virtual_labels() const { return settings().method == ForwardGnn::FF_VN; }

  // Of every class but its own, in an order drawn for the node: negative view k has the k-th.
  std::vector<std::vector<int32_t>> WrongLabels() const;
  void MakeViews();
  std::shared_ptr<const LayerInputs> LabelledInputs(
      const std::vector<std::vector<int32_t>>& labels) const;

  void AddLayerScores(int l, std::span<const float> parameters, const LayerInputs& inputs,
                      Scores& scores) const {
    for (int view = 0; view < inputs.views; ++view) {
      const auto pass = layers()[l].Forward(inputs, {}, parameters, view, view + 1);
      objective().AddScores(pass[0].out, view, nullptr, scores);
    }
  }
  // The inputs of layer l, from the final segments below it, in training or in evaluation. One
  // layer's activations are held at a time, however deep the network is.
  std::shared_ptr<const Stage> StageOf(int l, Segments below, bool evaluation) const {
    return stages_.Get(2 * l + (evaluation ? 1 : 0), below,
                       [&] { return ComputeStage(l, below, evaluation); });
  }
  Stage ComputeStage(int l, Segments below, bool evaluation) const;

  Topologies training_, evaluation_;  // a view each
  std::shared_ptr<const LayerInputs> first_, first_evaluation_;
  mutable RecentResults<Stage> stages_{2};
};

std::vector<std::vector<int32_t>> GreedyGnn::WrongLabels() const {
  const int classes = graph().classes;
  std::vector<std::vector<int32_t>> wrong(classes - 1, std::vector<int32_t>(graph().nodes));
  for (int64_t i = 0; i < graph().nodes; ++i) {
    std::vector<int32_t> others;
    for (int32_t c = 0; c < classes; ++c) {
      if (c != graph().label[i]) others.push_back(c);
    }
    RandomStream stream(settings().seed, Purpose::kGraphTraining, static_cast<uint64_t>(i),
                        kWrongLabelsUse);
    for (size_t k = others.size(); k > 1; --k)
      std::swap(others[k - 1], others[stream.NextBelow(k)]);
    for (size_t k = 0; k < others.size(); ++k) wrong[k][i] = others[k];
  }
  return wrong;
}

void GreedyGnn::MakeViews() {
  const std::vector<int32_t> known = TrainedLabels(-1);
  std::vector<std::vector<int32_t>> training = {known}, evaluation;
  if (labels() || virtual_labels()) {
    for (std::vector<int32_t>& wrong : WrongLabels()) {
      for (int64_t i = 0; i < graph().nodes; ++i) wrong[i] = known[i] < 0 ? -1 : wrong[i];
      training.push_back(std::move(wrong));
    }
    for (int32_t c = 0; c < graph().classes; ++c) evaluation.push_back(TrainedLabels(c));
  }
  if (labels()) {
    training_.assign(training.size(), MakeTopologyOf({}, {}));
    evaluation_ = training_;
    first_ = LabelledInputs(training);
    first_evaluation_ = LabelledInputs(evaluation);
    return;
  }
  for (const std::vector<int32_t>& members : training) {
    training_.push_back(MakeTopologyOf(members, members));
  }
  // An evaluated node hears a class without being heard.
  for (const std::vector<int32_t>& heard : evaluation) {
    evaluation_.push_back(MakeTopologyOf(heard, known));
  }
  const auto inputs = [this](const Topologies& topologies) {
    LayerInputs inputs = NoInputs(topologies);
    AddFeatures(NormalisedFeatures({}), VirtualFeatures(), inputs);
    return std::make_shared<const LayerInputs>(std::move(inputs));
  };
  first_ = inputs(training_);
  first_evaluation_ = evaluation_.empty() ? first_ : inputs(evaluation_);
}

// Features with the label appended, one-hot, or 1 / classes each where there is none (-1).
std::shared_ptr<const LayerInputs> GreedyGnn::LabelledInputs(
    const std::vector<std::vector<int32_t>>& labels) const {
  const int classes = graph().classes;
  const float none = 1 / static_cast<float>(classes);
  // The same in all views: who has a label has one in each.
  std::vector<float> added(graph().nodes);
  for (int64_t i = 0; i < graph().nodes; ++i) added[i] = labels[0][i] < 0 ? none : 1;
  std::vector<float> norms(graph().nodes);
  for (int64_t i = 0; i < graph().nodes; ++i) {
    double square = added[i];
    for (int64_t k = graph().feature_start[i]; k < graph().feature_start[i + 1]; ++k) {
      square += double{graph().value[k]} * graph().value[k];
    }
    norms[i] = static_cast<float>(std::sqrt(square));
  }
  std::vector<Matrix> columns;
  for (const std::vector<int32_t>& label : labels) {
    Matrix& view = columns.emplace_back(graph().nodes, classes);
    for (int64_t i = 0; i < graph().nodes; ++i) {
      for (int c = 0; label[i] < 0 && c < classes; ++c) view.row(i)[c] = none / norms[i];
      if (label[i] >= 0) view.row(i)[label[i]] = 1 / norms[i];
    }
  }
  LayerInputs inputs = NoInputs(Topologies(labels.size(), training_[0]));
  AddFeatures(NormalisedFeatures(added), Matrix(), inputs);
  AddFeatures(columns, inputs);
  return std::make_shared<const LayerInputs>(std::move(inputs));
}

GreedyGnn::Stage GreedyGnn::ComputeStage(int l, Segments below, bool evaluation) const {
  // Labels run through all layers in every view; whatever the virtual neighbours of a view, the
  // next layer's features are those of the right ones.
  const bool chains_evaluation = evaluation && labels();
  std::shared_ptr<const LayerInputs> chain = chains_evaluation ? first_evaluation_ : first_;
  std::shared_ptr<const LayerInputs> scored = evaluation ? first_evaluation_ : nullptr;
  Scores scores = evaluation ? objective().NoScores() : Scores();
  for (int k = 0; k < l; ++k) {
    if (evaluation && scored != chain) AddLayerScores(k, below[k], *scored, scores);
    std::vector<GraphLayer::Pass> passes =
        layers()[k].Forward(*chain, {}, below[k], 0, labels() ? chain->views : 1);
    const bool counts = evaluation && !virtual_labels();
    std::vector<Matrix> features;
    for (size_t view = 0; view < passes.size(); ++view) {
      if (counts) {
        objective().AddScores(passes[view].out, static_cast<int>(view), nullptr, scores);
      }
      features.push_back(std::move(passes[view].out));
      NormaliseRows(features.back());
    }
    passes.clear();
    scored = chain = nullptr;  // before there are new ones
    chain = InputsFrom(features, training_);
    scored = evaluation && virtual_labels() ? InputsFrom(features, evaluation_) : chain;
  }
  return {evaluation ? scored : chain, std::move(scores)};
}

}  // namespace

std::unique_ptr<Workload> MakeGreedyGnn(const GnnSettings& settings,
                                        const std::shared_ptr<const Graph>& graph, Split split) {
  return std::make_unique<GreedyGnn>(settings, graph, std::move(split));
}

}  // namespace gradloom
