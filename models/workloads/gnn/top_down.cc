// Layers trained side by side, with what the layers above make of the nodes: in the loss
// (SF-Top2Loss) or in the inputs (SF-Top2Input and both forms of link prediction).
//
// A layer's state is N(output). The paper keeps states from step to step; a reply must be a
// function of the segments that a job reads, so states are computed anew from those.
#include <algorithm>
#include <utility>

#include "models/workloads/gnn/gnn_workload.h"

namespace gradloom {
namespace {

using v1::ForwardGnn;
using States = std::vector<Matrix>;  // a layer each

class TopDownGnn : public GnnWorkload {
 protected:
  TopDownGnn(const GnnSettings& settings, std::shared_ptr<const Graph> graph,
             std::unique_ptr<Objective> objective)
      : GnnWorkload(settings, std::move(graph), std::move(objective)) {
    const std::vector<int32_t> known =
        settings.links ? std::vector<int32_t>(this->graph().nodes, -1) : TrainedLabels(-1);
    topologies_ = {MakeTopologyOf(known, known)};
    first_ = NoInputs(topologies_);
    AddFeatures(NormalisedFeatures({}), VirtualFeatures(), first_);
  }

  Matrix Output(int l, const LayerInputs& inputs, std::span<const float> parameters) const {
    return std::move(layers()[l].Forward(inputs, {}, parameters)[0].out);
  }

  std::vector<std::shared_ptr<const Topology>> topologies_;
  LayerInputs first_;  // the graph's features
};

// ---- in the loss --------------------------------------------------------------------------------

class Top2LossGnn final : public TopDownGnn {
 public:
  Top2LossGnn(const GnnSettings& settings, const std::shared_ptr<const Graph>& graph, Split split)
      : TopDownGnn(settings, graph,
                   MakeSimilarityObjective(std::move(split), graph->nodes, graph->classes,
                                           settings.temperature)) {
    for (int l = 0; l < settings.layers; ++l) {
      AddLayer(l == 0 ? first_.width : AggregatedWidth(settings.width), settings.width, true);
      for (int other = 0; other < settings.layers; ++other) {
        if (other != l) mutable_lanes()[l].needs.push_back({other, 1, false});
      }
      // Job t reads version t - 1. While it runs, its lane has done t jobs, so that another lane
      // may at most have done job t + 1, and be at version t + 2.
      mutable_segments()[l].history = settings.layers > 1 ? 3 : 1;
    }
  }

  // The own layer as it is, and all of them as they were a step ago.
  std::vector<SegmentVersion> Reads(int lane, int64_t job) const override {
    std::vector<SegmentVersion> reads = {{lane, job}};
    for (int l = 0; l < settings().layers; ++l) reads.push_back({l, std::max<int64_t>(job - 1, 0)});
    return reads;
  }

 protected:
  Step StepOf(const JobInputs& inputs) const override {
    const Segments old = Segments(inputs.segments).subspan(1);
    const auto states = states_.Get(0, old, [&] { return StatesOf(old); });
    const int lane = inputs.lane;
    return {inputs.segments[0],
            lane == 0 ? std::make_shared<const LayerInputs>(first_)
                      : InputsFrom({(*states)[lane - 1]}, topologies_),
            std::make_shared<const Above>(AboveOf(*states, lane))};
  }

  int64_t AddScores(Segments segments, int /*begun*/, Scores& scores) const override {
    const States states = StatesOf(segments);
    for (int l = 0; l < settings().layers; ++l) {
      const Above above = AboveOf(states, l);
      const auto inputs = l == 0 ? std::make_shared<const LayerInputs>(first_)
                                 : InputsFrom({states[l - 1]}, topologies_);
      objective().AddScores(Output(l, *inputs, segments[l]), 0, &above, scores);
    }
    return settings().layers;
  }

 private:
  States StatesOf(Segments segments) const {
    States states;
    for (int l = 0; l < settings().layers; ++l) {
      states.push_back(l == 0 ? Output(l, first_, segments[l])
                              : Output(l, *InputsFrom({states[l - 1]}, topologies_), segments[l]));
      NormaliseRows(states.back());
    }
    return states;
  }
  static Above AboveOf(const States& states, int layer) {
    Above above{Matrix(states[0].rows, states[0].columns), 0};
    for (size_t l = layer + 1; l < states.size(); ++l, ++above.layers) {
      kernels().add(states[l].rows * states[l].columns, states[l].values.data(),
                    above.sum.values.data());
    }
    return above;
  }

  mutable RecentResults<States> states_{2};
};

// ---- in the inputs ------------------------------------------------------------------------------

// In training a layer sees states after this many sweeps; in evaluation there are ten, of which
// those from the third on count.
constexpr int kTrainingSweeps = 1;
constexpr int kSweeps = 10, kFirstCounted = 2;

class Top2InputGnn final : public TopDownGnn {
 public:
  Top2InputGnn(const GnnSettings& settings, std::shared_ptr<const Graph> graph,
               std::unique_ptr<Objective> objective)
      : TopDownGnn(settings, std::move(graph), std::move(objective)), top_(NoInputs(topologies_)) {
    const int layers = settings.layers;
    for (int l = 0; l < layers; ++l) {
      const int64_t below = l == 0 ? first_.width : AggregatedWidth(settings.width);
      if (l + 1 == layers) {
        top_.width = below;
        if (!settings.links) AddFeatures({TopState()}, top_);
      }
      AddLayer(l + 1 == layers ? top_.width : below + AggregatedWidth(settings.width),
               settings.width, true);
      // Even layers' job t follows all layers' job t - 1; odd layers' job t even layers' job t.
      for (int other = 0; other < layers; ++other) {
        const bool fresh = l % 2 == 1 && other % 2 == 0;
        if (other != l) mutable_lanes()[l].needs.push_back({other, fresh ? -1 : 0, false});
      }
      // A layer of the same parity may have done the job already.
      mutable_segments()[l].history = layers > 2 ? 1 : 0;
    }
  }

  // The own layer, and all of them for the states.
  std::vector<SegmentVersion> Reads(int lane, int64_t job) const override {
    std::vector<SegmentVersion> reads = {{lane, job}};
    for (int l = 0; l < settings().layers; ++l) {
      reads.push_back({l, lane % 2 == 1 && l % 2 == 0 ? job + 1 : job});
    }
    return reads;
  }

 protected:
  Step StepOf(const JobInputs& inputs) const override {
    const Segments all = Segments(inputs.segments).subspan(1);
    const bool odd = inputs.lane % 2 == 1;
    const auto states = states_.Get(odd ? 1 : 0, all, [&] {
      States states = BottomUp(all);
      for (int sweep = 0; sweep < kTrainingSweeps; ++sweep) {
        UpdateStates(0, all, states, nullptr);
        UpdateStates(1, all, states, nullptr);
      }
      if (odd) UpdateStates(0, all, states, nullptr);
      return states;
    });
    return {inputs.segments[0],
            std::make_shared<const LayerInputs>(InputsOf(inputs.lane, *states, true))};
  }

  int64_t AddScores(Segments segments, int /*begun*/, Scores& scores) const override {
    States states = BottomUp(segments);
    int64_t terms = 0;
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      const bool counts = sweep >= kFirstCounted;
      UpdateStates(0, segments, states, counts ? &scores : nullptr);
      UpdateStates(1, segments, states, counts ? &scores : nullptr);
      if (counts) terms += settings().layers;
    }
    return terms;
  }

 private:
  // What is above the last layer: the class where it is known, 1 / classes elsewhere. Normalised.
  Matrix TopState() const {
    const int classes = graph().classes;
    const std::vector<int32_t> known = TrainedLabels(-1);
    Matrix top(graph().nodes + classes, classes);
    for (int64_t i = 0; i < top.rows; ++i) {
      const auto label = i < graph().nodes ? known[i] : static_cast<int32_t>(i - graph().nodes);
      for (int c = 0; label < 0 && c < classes; ++c) {
        top.row(i)[c] = 1 / static_cast<float>(classes);
      }
      if (label >= 0) top.row(i)[label] = 1;
    }
    NormaliseRows(top);
    return top;
  }
  // [N(layer below), N(layer above)]; without the latter, it counts as zero.
  LayerInputs InputsOf(int l, const States& states, bool above) const {
    LayerInputs inputs = l == 0 ? first_ : NoInputs(topologies_);
    if (l > 0) AddFeatures({states[l - 1]}, inputs);
    if (l + 1 == settings().layers) {
      inputs.parts.insert(inputs.parts.end(), top_.parts.begin(), top_.parts.end());
    } else if (above) {
      AddFeatures({states[l + 1]}, inputs);
    }
    return inputs;
  }
  States BottomUp(Segments segments) const {
    States states;
    for (int l = 0; l < settings().layers; ++l) {
      states.push_back(Output(l, InputsOf(l, states, false), segments[l]));
      NormaliseRows(states.back());
    }
    return states;
  }
  // The layers of one parity, from the states of the others.
  void UpdateStates(int parity, Segments segments, States& states, Scores* scores) const {
    for (int l = parity; l < settings().layers; l += 2) {
      Matrix out = Output(l, InputsOf(l, states, true), segments[l]);
      if (scores != nullptr) objective().AddScores(out, 0, nullptr, *scores);
      NormaliseRows(out);
      states[l] = std::move(out);
    }
  }

  LayerInputs top_;  // above the last layer
  mutable RecentResults<States> states_{2};
};

}  // namespace

std::unique_ptr<Workload> MakeTop2LossGnn(const GnnSettings& settings,
                                          const std::shared_ptr<const Graph>& graph, Split split) {
  return std::make_unique<Top2LossGnn>(settings, graph, std::move(split));
}

std::unique_ptr<Workload> MakeTop2InputGnn(const GnnSettings& settings,
                                           const std::shared_ptr<const Graph>& graph, Split split) {
  auto objective = settings.links ? MakeLinkObjective(std::move(split),
                                                      settings.method == ForwardGnn::FF_TOP2INPUT,
                                                      settings.threshold)
                                  : MakeSimilarityObjective(std::move(split), graph->nodes,
                                                            graph->classes, settings.temperature);
  return std::make_unique<Top2InputGnn>(settings, graph, std::move(objective));
}

}  // namespace gradloom
