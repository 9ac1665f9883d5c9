#include "models/data/graph.h"

#include <algorithm>
#include <cmath>

#include "models/data/sources.h"

namespace gradloom {
namespace {

class GraphDataset final : public Dataset {
 public:
  GraphDataset(std::shared_ptr<const Graph> graph, std::vector<float> class_labels,
               uint64_t checksum) {
    info_.examples = graph->nodes;
    info_.features = graph->features;
    info_.classes = graph->classes;
    info_.class_labels = std::move(class_labels);
    info_.sparse = true;
    info_.checksum = checksum;
    info_.graph = std::move(graph);
  }

  absl::StatusOr<Examples> Load(int64_t begin, int64_t end) const override {
    if (absl::Status range = CheckLoad(begin, end); !range.ok()) return range;
    const Graph& graph = *info_.graph;
    Examples examples;
    examples.rows = end - begin;
    examples.features = graph.features;
    examples.sparse = true;
    const int64_t first = graph.feature_start[begin], last = graph.feature_start[end];
    for (int64_t i = begin; i <= end; ++i) {
      examples.row_start.push_back(graph.feature_start[i] - first);
    }
    examples.column.assign(graph.feature.begin() + first, graph.feature.begin() + last);
    examples.value.assign(graph.value.begin() + first, graph.value.begin() + last);
    examples.targets.reserve(end - begin);
    for (int64_t i = begin; i < end; ++i) {
      examples.targets.push_back(info_.class_labels[graph.label[i]]);
    }
    return examples;
  }
};

void TakeEdges(std::vector<std::pair<int32_t, int32_t>> edges, Graph& graph) {
  const size_t given = edges.size();
  edges.reserve(2 * given);
  for (size_t e = 0; e < given; ++e) edges.emplace_back(edges[e].second, edges[e].first);
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  graph.neighbour_start.assign(graph.nodes + 1, 0);
  for (const auto& [from, to] : edges) {
    if (from == to) continue;
    ++graph.neighbour_start[from + 1];
    graph.neighbour.push_back(to);
  }
  for (int64_t i = 0; i < graph.nodes; ++i)
    graph.neighbour_start[i + 1] += graph.neighbour_start[i];
}

void TakeFeatures(const Examples& rows, Graph& graph) {
  graph.feature_start.push_back(0);
  std::vector<std::pair<int32_t, float>> row;
  for (int64_t i = 0; i < rows.rows; ++i) {
    row.clear();
    if (rows.sparse) {
      for (int64_t k = rows.row_start[i]; k < rows.row_start[i + 1]; ++k) {
        if (rows.value[k] != 0) row.emplace_back(rows.column[k], rows.value[k]);
      }
    } else {
      for (int64_t j = 0; j < rows.features; ++j) {
        const float value = rows.dense[i * rows.features + j];
        if (value != 0) row.emplace_back(static_cast<int32_t>(j), value);
      }
    }
    std::sort(row.begin(), row.end());
    double sum = 0;
    for (const auto& [feature, value] : row) sum += std::abs(double{value});
    for (const auto& [feature, value] : row) {
      graph.feature.push_back(feature);
      graph.value.push_back(static_cast<float>(value / sum));
    }
    graph.feature_start.push_back(static_cast<int64_t>(graph.value.size()));
  }
}

}  // namespace

std::unique_ptr<Dataset> MakeGraphDataset(std::vector<std::pair<int32_t, int32_t>> edges,
                                          Examples features, std::vector<float> class_labels,
                                          uint64_t checksum) {
  auto graph = std::make_shared<Graph>();
  graph->nodes = features.rows;
  graph->features = features.features;
  graph->classes = static_cast<int>(class_labels.size());
  TakeEdges(std::move(edges), *graph);
  TakeFeatures(features, *graph);
  graph->label.assign(features.targets.begin(), features.targets.end());
  return std::make_unique<GraphDataset>(std::move(graph), std::move(class_labels), checksum);
}

}  // namespace gradloom
