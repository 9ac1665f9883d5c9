// Generated graphs. Classes have the same size up to one node. An edge lies within a class with the
// probability `homophily`, else it connects two classes; a node's words come from its class's part
// of the vocabulary with the probability `topic`, else from all of it. With the default settings
// neither the words nor the edges alone tell the classes well.
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/data/generated.h"
#include "models/data/graph.h"
#include "models/data/sources.h"
#include "models/random.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

// Words, and ends of edges, which are in memory.
constexpr double kMaxParts = 0x1p28;

constexpr Range kProbability = Within(0, 1);
constexpr NumberField kNumbers[] = {
    {"count", Within(1, 1 << 22), 1000},
    {"classes", Within(2, 1000), 4},
    {"features", Within(1, kMaxGraphNodes), 200},
    {"degree", MoreThanUpTo(0, 1000), 5},
    {"homophily", kProbability, 0.75},
    {"words", Within(1, 10'000), 12},
    {"topic", kProbability, 0.3},
    {"seed", {}, 1},
};

void Check(const v1::DataSource& source, const std::string& field, Findings* findings) {
  const v1::BlockModelSource& spec = source.block_model();
  findings->Require(spec.count() >= 2 * uint64_t{spec.classes()}, field + ".count", spec.count(),
                    absl::StrCat("two or more a class, of ", spec.classes(), " classes"));
  findings->Require(spec.features() >= spec.classes(), field + ".features", spec.features(),
                    absl::StrCat("one or more a class, of ", spec.classes(), " classes"));
  for (const auto& [name, value] : {std::pair("degree", spec.degree()),
                                    std::pair("words", static_cast<double>(spec.words()))}) {
    findings->Require(
        value * static_cast<double>(spec.count()) <= kMaxParts, absl::StrCat(field, ".", name),
        value,
        absl::StrCat("such that ", name, " x count = ", spec.count(), " is at most ", kMaxParts));
  }
}

Examples DrawNodes(const v1::BlockModelSource& spec) {
  Examples nodes;
  nodes.rows = static_cast<int64_t>(spec.count());
  nodes.features = static_cast<int64_t>(spec.features());
  nodes.sparse = true;
  nodes.row_start.push_back(0);
  const int classes = static_cast<int>(spec.classes());
  for (int64_t i = 0; i < nodes.rows; ++i) {
    const int label = BalancedLabel(spec.seed(), i, classes);
    const auto first = static_cast<uint64_t>(label * nodes.features / classes);
    const auto last = static_cast<uint64_t>((label + 1) * nodes.features / classes);
    RandomStream stream(spec.seed(), Purpose::kGeneratedData, static_cast<uint64_t>(i), kFeatures);
    std::set<int32_t> words;
    for (uint32_t w = 0; w < spec.words(); ++w) {
      const bool own = stream.NextUniform() < spec.topic();
      const uint64_t word =
          own ? first + stream.NextBelow(last - first) : stream.NextBelow(spec.features());
      words.insert(static_cast<int32_t>(word));
    }
    nodes.column.insert(nodes.column.end(), words.begin(), words.end());
    nodes.row_start.push_back(static_cast<int64_t>(nodes.column.size()));
    nodes.targets.push_back(static_cast<float>(label));
  }
  nodes.value.assign(nodes.column.size(), 1.0f);
  return nodes;
}

std::vector<std::pair<int32_t, int32_t>> DrawEdges(const v1::BlockModelSource& spec,
                                                   const Examples& nodes) {
  std::vector<std::vector<int32_t>> members(spec.classes());
  for (int64_t i = 0; i < nodes.rows; ++i) {
    members[static_cast<size_t>(nodes.targets[i])].push_back(static_cast<int32_t>(i));
  }
  const auto count = static_cast<int64_t>(std::llround(spec.degree() * spec.count() / 2));
  std::vector<std::pair<int32_t, int32_t>> edges;
  for (int64_t e = 0; e < count; ++e) {
    RandomStream stream(spec.seed(), Purpose::kGeneratedData, static_cast<uint64_t>(e), kModel);
    const auto from = static_cast<int32_t>(stream.NextBelow(spec.count()));
    auto partner = static_cast<uint64_t>(nodes.targets[from]);
    if (stream.NextUniform() >= spec.homophily()) {
      partner = (partner + 1 + stream.NextBelow(spec.classes() - 1)) % spec.classes();
    }
    edges.emplace_back(from, members[partner][stream.NextBelow(members[partner].size())]);
  }
  return edges;
}

DatasetOr Open(const v1::DataSource& source, const std::string& /*field*/,
               const std::string& /*base_folder*/) {
  const v1::BlockModelSource& spec = source.block_model();
  Examples nodes = DrawNodes(spec);
  std::vector<std::pair<int32_t, int32_t>> edges = DrawEdges(spec, nodes);
  std::vector<float> labels;
  for (uint32_t c = 0; c < spec.classes(); ++c) labels.push_back(static_cast<float>(c));
  const uint64_t checksum = Crc32c(absl::StrFormat(
      "block_model 1 %d %d %d %.17g %.17g %d %.17g %d", spec.count(), spec.classes(),
      spec.features(), spec.degree(), spec.homophily(), spec.words(), spec.topic(), spec.seed()));
  return MakeGraphDataset(std::move(edges), std::move(nodes), std::move(labels), checksum);
}

}  // namespace

extern const SourceKind kBlockModelSource = {
    .spec = {.kind = v1::DataSource::kBlockModel, .numbers = kNumbers, .check = Check},
    .graph = true,
    .open = Open};

}  // namespace gradloom
