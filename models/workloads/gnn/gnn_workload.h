// What graph workloads have in common: layers of which each is a lane with a segment of its own, an
// objective, the graph as it enters the first layer. How a layer's inputs follow from the segments
// is what methods differ in.
#ifndef GRADLOOM_MODELS_WORKLOADS_GNN_GNN_WORKLOAD_H_
#define GRADLOOM_MODELS_WORKLOADS_GNN_GNN_WORKLOAD_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/data/graph.h"
#include "models/workloads/gnn/graph_layer.h"
#include "models/workloads/gnn/layer_inputs.h"
#include "models/workloads/gnn/objective.h"
#include "models/workloads/gnn/recent_results.h"
#include "models/workloads/workload.h"

namespace gradloom {

// A checked ForwardGnn message.
struct GnnSettings {
  Convolution convolution = Convolution::kGcn;
  v1::ForwardGnn::Method method = v1::ForwardGnn::SF;
  bool links = false;
  int layers = 2;
  int64_t width = 128;
  int64_t heads = 1;  // 1 unless GAT
  float threshold = 2;
  float temperature = 1;
  uint64_t seed = 1;
};

class GnnWorkload : public Workload {
 public:
  const std::vector<SegmentSpec>& segments() const override { return segments_; }
  const std::vector<LaneSpec>& lanes() const override { return lanes_; }
  void Initialise(uint64_t seed, int segment, std::span<float> values) const override;
  bool reads_examples() const override { return false; }
  int64_t sub_batch() const override { return sub_batch_; }
  absl::Status AddSum(const JobInputs& inputs, const Examples& batch, std::span<const int64_t> ids,
                      std::span<float> sum) const override;
  bool has_own_test() const override { return true; }
  bool has_validation() const override { return true; }
  absl::StatusOr<Evaluation> Evaluate(const TrialView& view, const Examples* test) const override;

 protected:
  GnnWorkload(const GnnSettings& settings, std::shared_ptr<const Graph> graph,
              std::unique_ptr<Objective> objective);

  // What a lane's job is computed from.
  struct Step {
    std::span<const float> parameters;  // of the lane's segment
    std::shared_ptr<const LayerInputs> inputs;
    std::shared_ptr<const Above> above = nullptr;
  };
  virtual Step StepOf(const JobInputs& inputs) const = 0;
  // Adds the loss of the samples and, unless it is not finite, the gradient.
  virtual LossSums AddLoss(const JobInputs& inputs, std::span<const int64_t> ids,
                           std::span<float> gradient) const;
  // All that is evaluated, from segments of which the first `begun` layers' have been trained.
  // Returns how many outputs the scores are a sum of.
  virtual int64_t AddScores(Segments segments, int begun, Scores& scores) const = 0;

  // A layer of these inputs, its segment and its lane, which needs nothing yet.
  void AddLayer(int64_t inputs, int64_t units, bool relu);

  // Columns of the first layer's inputs, and of a later one's for features `width` wide.
  int64_t AggregatedWidth(int64_t width) const;
  std::shared_ptr<const Topology> MakeTopologyOf(const std::vector<int32_t>& hears,
                                                 const std::vector<int32_t>& members) const;
  // Every real node's class, if it is trained on, and else `other`.
  std::vector<int32_t> TrainedLabels(int32_t other) const;
  // Inputs without features.
  LayerInputs NoInputs(std::vector<std::shared_ptr<const Topology>> topologies) const;
  // The graph's features, each row divided by sqrt(its squared norm + added[i]) (added empty: 0).
  Csr NormalisedFeatures(const std::vector<float>& added) const;
  // Virtual nodes' features, normalised.
  Matrix VirtualFeatures() const;
  // `features`: of the layer below, normalised.
  std::shared_ptr<const LayerInputs> InputsFrom(
      const std::vector<Matrix>& features,
      const std::vector<std::shared_ptr<const Topology>>& topologies) const;

  const GnnSettings& settings() const { return settings_; }
  const Graph& graph() const { return *graph_; }
  const Objective& objective() const { return *objective_; }
  int64_t virtual_nodes() const { return virtual_nodes_; }
  const std::vector<GraphLayer>& layers() const { return layers_; }
  std::vector<SegmentSpec>& mutable_segments() { return segments_; }
  std::vector<LaneSpec>& mutable_lanes() { return lanes_; }

 private:
  absl::Status CheckJob(const JobInputs& inputs, std::span<const int64_t> ids,
                        std::span<float> sum) const;

  const GnnSettings settings_;
  const std::shared_ptr<const Graph> graph_;
  const std::unique_ptr<Objective> objective_;
  const int64_t virtual_nodes_;
  const int64_t sub_batch_;
  std::vector<GraphLayer> layers_;
  std::vector<SegmentSpec> segments_;
  std::vector<LaneSpec> lanes_;
};

// The methods. Settings are valid.
std::unique_ptr<Workload> MakeGreedyGnn(const GnnSettings& settings,
                                        const std::shared_ptr<const Graph>& graph, Split split);
std::unique_ptr<Workload> MakeTop2LossGnn(const GnnSettings& settings,
                                          const std::shared_ptr<const Graph>& graph, Split split);
std::unique_ptr<Workload> MakeTop2InputGnn(const GnnSettings& settings,
                                           const std::shared_ptr<const Graph>& graph, Split split);
std::unique_ptr<Workload> MakeBackpropagationGnn(const GnnSettings& settings,
                                                 const std::shared_ptr<const Graph>& graph,
                                                 Split split);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_GNN_GNN_WORKLOAD_H_
