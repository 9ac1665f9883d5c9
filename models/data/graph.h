// A graph with features and a class a node: what graph convolutions are trained on. Everything is
// kept in compressed rows.
#ifndef GRADLOOM_MODELS_DATA_GRAPH_H_
#define GRADLOOM_MODELS_DATA_GRAPH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "models/data/dataset.h"

namespace gradloom {

struct Graph {
  int64_t nodes = 0;
  int64_t features = 0;
  int classes = 0;
  // Node i's neighbours are neighbour[neighbour_start[i]] up to neighbour_start[i + 1], ascending,
  // without i. Symmetric.
  std::vector<int64_t> neighbour_start;
  std::vector<int32_t> neighbour;
  // Node i's features likewise; their absolute values sum to 1, or all are zero.
  std::vector<int64_t> feature_start;
  std::vector<int32_t> feature;
  std::vector<float> value;
  std::vector<int32_t> label;  // class numbers
};

// Largest number of nodes, and of features.
inline constexpr int64_t kMaxGraphNodes = int64_t{1} << 24;

// A dataset of the nodes. `features` are the nodes' rows: their number is that of the nodes, and
// their targets are class numbers, the classes those that `class_labels` names. Of the edges, which
// may come in any order and direction, loops and repetitions are dropped. Both are valid: ends are
// nodes, columns features.
std::unique_ptr<Dataset> MakeGraphDataset(std::vector<std::pair<int32_t, int32_t>> edges,
                                          Examples features, std::vector<float> class_labels,
                                          uint64_t checksum);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_GRAPH_H_
