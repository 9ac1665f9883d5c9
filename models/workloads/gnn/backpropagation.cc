// The baseline: the same layers trained end to end, as one lane. Nodes: the last layer has a unit a
// class and no ReLU. Links: the last layer has no ReLU.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/kernels/kernels.h"
#include "models/random.h"
#include "models/workloads/gnn/gnn_workload.h"

namespace gradloom {
namespace {

class BackpropagationGnn final : public GnnWorkload {
 public:
  BackpropagationGnn(const GnnSettings& settings, std::shared_ptr<const Graph> graph,
                     std::unique_ptr<Objective> objective)
      : GnnWorkload(settings, std::move(graph), std::move(objective)) {
    topologies_ = {MakeTopologyOf({}, {})};
    for (const Csr& term : topologies_[0]->terms) transposed_.push_back(Transpose(term));
    LayerInputs first = NoInputs(topologies_);
    AddFeatures(NormalisedFeatures({}), Matrix(), first);
    first_ = std::make_shared<const LayerInputs>(std::move(first));
    for (int l = 0; l < settings.layers; ++l) {
      const bool last = l + 1 == settings.layers;
      AddLayer(l == 0 ? first_->width : AggregatedWidth(settings.width),
               last && !settings.links ? this->graph().classes : settings.width, !last);
    }
    JoinSegments();
  }

  void Initialise(uint64_t seed, int /*segment*/, std::span<float> values) const override {
    for (int l = 0; l < settings().layers; ++l) {
      RandomStream stream(seed, Purpose::kInitialParameters, static_cast<uint64_t>(l));
      layers()[l].Initialise(stream, Of(l, values));
    }
  }

 protected:
  Step StepOf(const JobInputs& /*inputs*/) const override { return {}; }

  LossSums AddLoss(const JobInputs& inputs, std::span<const int64_t> ids,
                   std::span<float> gradient) const override {
    const std::span<const float> parameters = inputs.segments[0];
    const std::vector<Activations> network = Forward(parameters);
    const Matrix& out = network.back().passes[0].out;
    const std::vector<int32_t> rows = objective().Rows(ids);
    Matrix wanted(static_cast<int64_t>(rows.size()), out.columns);
    for (size_t i = 0; i < rows.size(); ++i) {
      std::copy_n(out.row(rows[i]), out.columns, wanted.row(static_cast<int64_t>(i)));
    }
    std::vector<Matrix> gradients(1);
    const LossSums sums = objective().Loss(ids, {&wanted}, nullptr, &gradients);
    if (sums.bad_row >= 0) return sums;
    Matrix full(out.rows, out.columns);
    for (size_t i = 0; i < rows.size(); ++i) {
      std::copy_n(gradients[0].row(static_cast<int64_t>(i)), out.columns, full.row(rows[i]));
    }
    Backward(parameters, network, std::move(full), gradient);
    return sums;
  }

  int64_t AddScores(Segments segments, int /*begun*/, Scores& scores) const override {
    objective().AddScores(Forward(segments[0]).back().passes[0].out, 0, nullptr, scores);
    return 1;
  }

 private:
  // Everything that the way back needs of a layer.
  struct Activations {
    std::shared_ptr<const LayerInputs> inputs;
    std::vector<GraphLayer::Pass> passes;  // one
    Matrix state;                          // N(out), unless it is the last
    std::vector<float> norms;
  };

  template <typename Values>
  Values Of(int l, Values values) const {
    return values.subspan(offsets_[l], layers()[l].parameters());
  }

  // One segment and one lane of all layers.
  void JoinSegments() {
    SegmentSpec joined;
    for (const SegmentSpec& segment : segments()) {
      offsets_.push_back(joined.size);
      for (ParameterTensor tensor : segment.tensors) {
        tensor.offset += joined.size;
        joined.tensors.push_back(std::move(tensor));
      }
      joined.size += segment.size;
    }
    mutable_lanes() = {{"", ReplyLayout::OfGradient(joined.size), {}}};
    mutable_segments() = {std::move(joined)};
  }

  std::vector<Activations> Forward(std::span<const float> parameters) const {
    std::vector<Activations> network(layers().size());
    for (size_t l = 0; l < network.size(); ++l) {
      Activations& layer = network[l];
      layer.inputs = l == 0 ? first_ : InputsFrom({network[l - 1].state}, topologies_);
      layer.passes = layers()[l].Forward(*layer.inputs, {}, Of(static_cast<int>(l), parameters));
      if (l + 1 == network.size()) break;
      layer.state = layer.passes[0].out;
      layer.norms = NormaliseRows(layer.state);
    }
    return network;
  }

  void Backward(std::span<const float> parameters, const std::vector<Activations>& network,
                Matrix out_gradient, std::span<float> gradient) const {
    std::vector<Matrix> gradients = {std::move(out_gradient)};
    for (int l = settings().layers - 1; l >= 0; --l) {
      const Activations& layer = network[l];
      layers()[l].Backward(*layer.inputs, {}, Of(l, parameters), layer.passes, gradients,
                           Of(l, gradient));
      if (l == 0) return;
      const Activations& below = network[l - 1];
      Matrix state_gradient(below.state.rows, below.state.columns);
      for (size_t term = 0; term < transposed_.size(); ++term) {
        const Matrix part =
            layers()[l].PartGradient(layer.inputs->parts[term], Of(l, parameters), gradients[0]);
        AddProduct(transposed_[term], part, state_gradient);
      }
      NormaliseRowsBackward(below.state, below.norms, state_gradient);
      gradients[0] = std::move(state_gradient);
    }
  }

  std::vector<std::shared_ptr<const Topology>> topologies_;
  std::vector<Csr> transposed_;  // of the topology's terms
  std::shared_ptr<const LayerInputs> first_;
  std::vector<int64_t> offsets_;  // of the layers in the segment
};

}  // namespace

std::unique_ptr<Workload> MakeBackpropagationGnn(const GnnSettings& settings,
                                                 const std::shared_ptr<const Graph>& graph,
                                                 Split split) {
  auto objective = settings.links
                       ? MakeLinkObjective(std::move(split), false, settings.threshold)
                       : MakeLogitsObjective(std::move(split), graph->nodes, graph->classes);
  return std::make_unique<BackpropagationGnn>(settings, graph, std::move(objective));
}

}  // namespace gradloom
