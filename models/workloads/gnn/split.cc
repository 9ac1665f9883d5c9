#include "models/workloads/gnn/split.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/random.h"

namespace gradloom {
namespace {

// Fewer would leave a part of the split empty.
constexpr int64_t kFewest = 10;

struct Parts {
  std::vector<int32_t> train, validation, test;  // ascending
};

Parts DrawParts(int64_t count, uint64_t seed) {
  std::vector<int32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  RandomStream stream(seed, Purpose::kGraphTraining, 0, kSplitUse);
  for (int64_t i = count - 1; i > 0; --i) {
    std::swap(order[i], order[stream.NextBelow(static_cast<uint64_t>(i) + 1)]);
  }
  const auto trained = order.begin() + count * 64 / 100;
  const auto tested = trained + count * 16 / 100;
  Parts parts{{order.begin(), trained}, {trained, tested}, {tested, order.end()}};
  for (auto* part : {&parts.train, &parts.validation, &parts.test}) {
    std::sort(part->begin(), part->end());
  }
  return parts;
}

Csr AllNeighbours(const Graph& graph) {
  Csr neighbours;
  neighbours.columns = graph.nodes;
  neighbours.start = graph.neighbour_start;
  neighbours.column = graph.neighbour;
  neighbours.value.assign(graph.neighbour.size(), 1.0f);
  return neighbours;
}

using Edges = std::vector<std::pair<int32_t, int32_t>>;

// Every edge once, from the smaller number to the larger.
Edges EdgesOf(const Graph& graph) {
  Edges edges;
  for (int64_t i = 0; i < graph.nodes; ++i) {
    for (int64_t k = graph.neighbour_start[i]; k < graph.neighbour_start[i + 1]; ++k) {
      if (i < graph.neighbour[k]) edges.emplace_back(i, graph.neighbour[k]);
    }
  }
  return edges;
}

bool Joined(const Graph& graph, int32_t a, int32_t b) {
  return std::binary_search(graph.neighbour.begin() + graph.neighbour_start[a],
                            graph.neighbour.begin() + graph.neighbour_start[a + 1], b);
}

Samples PairsOf(const Graph& graph, const Edges& edges, const std::vector<int32_t>& numbers,
                uint64_t seed) {
  Samples pairs;
  const auto add = [&pairs](int32_t a, int32_t b, float joined) {
    pairs.node.push_back(a);
    pairs.other.push_back(b);
    pairs.target.push_back(joined);
  };
  const auto nodes = static_cast<uint64_t>(graph.nodes);
  for (const int32_t number : numbers) {
    add(edges[number].first, edges[number].second, 1);
    RandomStream stream(seed, Purpose::kGraphTraining, static_cast<uint64_t>(number), kPairsUse);
    int32_t a = 0, b = 0;
    while (a == b || Joined(graph, a, b)) {
      a = static_cast<int32_t>(stream.NextBelow(nodes));
      b = static_cast<int32_t>(stream.NextBelow(nodes));
    }
    add(a, b, 0);
  }
  return pairs;
}

}  // namespace

absl::StatusOr<Split> SplitNodes(const Graph& graph, uint64_t seed, const std::string& field) {
  if (graph.nodes < kFewest) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " needs ", kFewest, " nodes or more; the graph has ", graph.nodes));
  }
  const Parts parts = DrawParts(graph.nodes, seed);
  const auto samples = [&graph](const std::vector<int32_t>& nodes) {
    Samples samples;
    samples.node = nodes;
    for (const int32_t node : nodes) {
      samples.target.push_back(static_cast<float>(graph.label[node]));
    }
    return samples;
  };
  return Split{samples(parts.train), samples(parts.validation), samples(parts.test),
               AllNeighbours(graph)};
}

absl::StatusOr<Split> SplitLinks(const Graph& graph, uint64_t seed, const std::string& field) {
  const Edges edges = EdgesOf(graph);
  const auto count = static_cast<int64_t>(edges.size());
  // Pairs that are no edges are drawn until one is found.
  const int64_t most = std::min<int64_t>(graph.nodes * (graph.nodes - 1) / 4, INT32_MAX);
  if (count < kFewest || count > most) {
    return absl::InvalidArgumentError(absl::StrCat(field, " needs ", kFewest,
                                                   " edges or more and at most half of all pairs (",
                                                   most, "); the graph has ", count, " edges"));
  }
  const Parts parts = DrawParts(count, seed);
  Split split{PairsOf(graph, edges, parts.train, seed),
              PairsOf(graph, edges, parts.validation, seed),
              PairsOf(graph, edges, parts.test, seed),
              {}};
  std::vector<std::vector<int32_t>> known(graph.nodes);
  for (const int32_t number : parts.train) {
    known[edges[number].first].push_back(edges[number].second);
    known[edges[number].second].push_back(edges[number].first);
  }
  split.neighbours.columns = graph.nodes;
  for (std::vector<int32_t>& row : known) {
    std::sort(row.begin(), row.end());
    for (const int32_t other : row) split.neighbours.Add(other, 1);
    split.neighbours.EndRow();
  }
  return split;
}

}  // namespace gradloom
