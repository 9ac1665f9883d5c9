// What a graph convolution multiplies with its weights. Aggregation over neighbours is linear and
// comes before the weights, so that a layer whose inputs do not change sees a constant design
// matrix: a loss of some nodes needs their rows of it, and no neighbours.
//
// The design matrix is a sum of parts, kept in the form that is cheapest: sparse features stay
// sparse; virtual nodes, whose features are dense, stay factors.
#ifndef GRADLOOM_MODELS_WORKLOADS_GNN_LAYER_INPUTS_H_
#define GRADLOOM_MODELS_WORKLOADS_GNN_LAYER_INPUTS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/data/graph.h"
#include "models/workloads/gnn/matrix.h"

namespace gradloom {

enum class Convolution { kGcn, kSage, kGat };

// Who hears whom. Real nodes come first, virtual ones after them.
struct Topology {
  int64_t nodes = 0;  // virtual ones included
  // What aggregation does to the features, a term each, nodes x nodes. GCN: D^-1/2 (A + I) D^-1/2.
  // SAGE: the neighbours' mean; the node itself. GAT: the node itself.
  std::vector<Csr> terms;
  Csr heard;  // GAT: neighbours and the node itself, for the attention
};
// The graph `neighbours`, and every real node i with hears[i] = v >= 0 hears virtual node v. In
// turn virtual node v hears the real nodes i with members[i] = v; only they count for its degree.
Topology MakeTopology(Convolution convolution, const Csr& neighbours, int64_t virtual_nodes,
                      const std::vector<int32_t>& hears, const std::vector<int32_t>& members);

// Rows that are multiplied with the weights' rows [first, first + width).
struct InputPart {
  static constexpr int kEveryView = -1;

  int64_t first = 0;
  int64_t width = 0;
  int view = kEveryView;
  // One of: `dense`; `sparse`; `sparse` times `factors`. The others are null.
  std::shared_ptr<const Matrix> dense;
  std::shared_ptr<const Csr> sparse;
  std::shared_ptr<const Matrix> factors;
};

// A layer's inputs under one or several views: the same nodes with other labels, or with other
// virtual neighbours.
struct LayerInputs {
  int64_t real = 0;   // real nodes
  int64_t rows = 0;   // nodes, virtual ones included
  int64_t width = 0;  // of all: rows of the weights
  int views = 1;
  std::vector<InputPart> parts;
  std::vector<std::shared_ptr<const Topology>> topologies;  // a view each
};

// Adds features to `inputs`, whose topologies are set. The real nodes' features are sparse; those
// of virtual nodes, if there are any, dense. Rows are normalised already.
void AddFeatures(const Csr& real, const Matrix& virtual_nodes, LayerInputs& inputs);
// Dense features of every view; all views share one if there is one only. Where they differ in the
// virtual neighbours, these are kept apart.
void AddFeatures(const std::vector<Matrix>& features, LayerInputs& inputs);

// `rows` empty: all of them.
using Rows = std::span<const int32_t>;
inline int64_t CountOf(Rows rows, const LayerInputs& inputs) {
  return rows.empty() ? inputs.rows : static_cast<int64_t>(rows.size());
}
// z += the part's rows times the weights (width x units), z: rows x units.
void AddProduct(const InputPart& part, Rows rows, const float* weights, Matrix& z);
// weights_gradient += the part's rows' transpose times dz.
void AddWeightsGradient(const InputPart& part, Rows rows, const Matrix& dz,
                        float* weights_gradient);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_GNN_LAYER_INPUTS_H_
