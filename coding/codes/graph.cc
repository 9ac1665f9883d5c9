#include "coding/codes/graph.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "coding/codes/approximate.h"
#include "coding/codes/code_random.h"

namespace gradloom {
namespace {

using Edge = std::pair<int, int>;  // the smaller vertex first

Edge MakeEdge(int a, int b) { return {std::min(a, b), std::max(a, b)}; }

// Random pairing of edge ends (the configuration model), then exchanges of ends between a bad edge
// and a random one while there are bad edges that an exchange can mend.
class PairingModel {
 public:
  PairingModel(int vertices, int edges, CodeRandom& random) : vertices_(vertices), random_(random) {
    std::vector<int> labels(vertices);
    std::iota(labels.begin(), labels.end(), 0);
    random_.Shuffle(std::span(labels));
    std::vector<int> ends;
    for (int i = 0; i < 2 * edges; ++i) ends.push_back(labels[i % vertices]);
    random_.Shuffle(std::span(ends));
    for (int i = 0; i < edges; ++i) {
      edges_.push_back(MakeEdge(ends[2 * i], ends[2 * i + 1]));
      ++count_[edges_.back()];
    }
  }

  std::vector<Edge> Mended() {
    // With more edges than pairs of vertices, parallel edges stay; only loops must go then.
    const bool simple = 2 * int64_t(edges_.size()) <= int64_t{vertices_} * (vertices_ - 1);
    const auto bad = [&](const Edge& edge) {
      return edge.first == edge.second || (simple && count_[edge] > 1);
    };
    for (int pass = 0; pass < kPasses; ++pass) {
      bool any = false;
      for (size_t i = 0; i < edges_.size(); ++i) {
        for (int tries = 0; bad(edges_[i]) && tries < kTries; ++tries) {
          any = true;
          TryExchange(i, random_.Below(static_cast<int>(edges_.size())));
        }
      }
      if (!any) break;
    }
    return edges_;
  }

 private:
  static constexpr int kPasses = 100;
  static constexpr int kTries = 20;

  // Loops count so much that no saving in parallel edges makes up for one.
  int64_t Badness(const Edge& edge) {
    const int64_t count = count_[edge];
    return edge.first == edge.second ? count * (int64_t{1} << 32) : count * count;
  }

  // Exchanges one end of edges i and j if that makes matters better, or no worse.
  void TryExchange(size_t i, size_t j) {
    if (i == j) return;
    const Edge a = edges_[i], b = edges_[j];
    const bool crossed = random_.Below(2) == 1;
    const Edge c = MakeEdge(a.first, crossed ? b.second : b.first);
    const Edge d = MakeEdge(a.second, crossed ? b.first : b.second);
    const auto total = [&] {
      int64_t badness = 0;
      std::vector<Edge> touched = {a, b, c, d};
      std::sort(touched.begin(), touched.end());
      touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
      for (const Edge& edge : touched) badness += Badness(edge);
      return badness;
    };
    const auto replace = [&](const Edge& from, const Edge& to) {
      --count_[from];
      ++count_[to];
    };
    const int64_t before = total();
    replace(a, c);
    replace(b, d);
    if (total() <= before) {
      edges_[i] = c;
      edges_[j] = d;
    } else {
      replace(c, a);
      replace(d, b);
    }
  }

  int vertices_;
  CodeRandom& random_;
  std::vector<Edge> edges_;
  std::map<Edge, int64_t> count_;
};

}  // namespace

std::unique_ptr<GradientCode> MakeGraph(const CodeParameters& valid) {
  const int n = valid.slots;
  const int degree = DegreeOr(valid, DefaultDegree(n, valid.s));
  const int chunks = std::max(2, 2 * n / degree);
  CodeRandom random(valid.seed);
  CodeRows rows;
  for (const Edge& edge : PairingModel(chunks, n, random).Mended()) {
    rows.push_back({{edge.first, 1}, {edge.second, 1}});
  }
  return MakeLeastSquaresCode({.name = kGraphCode.name,
                               .chunks = chunks,
                               .rows = std::move(rows),
                               .s = valid.s,
                               .unbiased = valid.unbiased});
}

constinit const CodeKind kGraphCode = {
    .name = "graph", .exact = false, .unit_weights = false, .make = MakeGraph};

}  // namespace gradloom
