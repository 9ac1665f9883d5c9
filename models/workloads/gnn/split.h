// What of a graph is trained, validated and tested on, 64/16/20, drawn by seed.
#ifndef GRADLOOM_MODELS_WORKLOADS_GNN_SPLIT_H_
#define GRADLOOM_MODELS_WORKLOADS_GNN_SPLIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/data/graph.h"
#include "models/workloads/gnn/matrix.h"

namespace gradloom {

// Nodes and their classes, or pairs of nodes and whether they are joined.
struct Samples {
  int64_t size() const { return static_cast<int64_t>(node.size()); }

  std::vector<int32_t> node;
  std::vector<int32_t> other;  // of pairs
  std::vector<float> target;
};

struct Split {
  Samples train, validation, test;
  Csr neighbours;  // of the nodes, as far as training may know
};

// What a stream of (seed, kGraphTraining, number, use) is for.
enum GraphUse : uint32_t { kSplitUse = 0, kPairsUse = 1, kWrongLabelsUse = 2, kVirtualUse = 3 };

// Every node's class. Errors begin with `field`.
absl::StatusOr<Split> SplitNodes(const Graph& graph, uint64_t seed, const std::string& field);
// Edges, and as many pairs that are none; an edge and such a pair by turns.
// Training knows the neighbours along its own edges only.
absl::StatusOr<Split> SplitLinks(const Graph& graph, uint64_t seed, const std::string& field);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_GNN_SPLIT_H_
