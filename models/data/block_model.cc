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

constexpr uint64_t kMostNodes = 1 << 22;
constexpr uint64_t kMostClasses = 1000;
constexpr uint64_t kMostWords = 10'000;

absl::Status CheckProbability(const std::string& field, double value) {
  if (value >= 0 && value <= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", value, "; legal: 0 to 1"));
}

absl::Status Check(const v1::BlockModelSource& spec, const std::string& field) {
  absl::Status status = CheckCount(field + ".classes", spec.classes(), kMostClasses);
  if (!status.ok()) return status;
  if (spec.classes() < 2 || spec.count() < 2 * spec.classes() || spec.count() > kMostNodes) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, ".count: ", spec.count(), " in ", spec.classes(),
        " classes; legal: two classes or more, two nodes or more in each, at most ", kMostNodes));
  }
  status = CheckCount(field + ".features", spec.features(), kMaxGraphNodes);
  if (!status.ok()) return status;
  if (spec.features() < spec.classes()) {
    return absl::InvalidArgumentError(absl::StrCat(field, ".features: ", spec.features(),
                                                   "; legal: a word a class (", spec.classes(),
                                                   ") or more"));
  }
  status = CheckCount(field + ".words", spec.words(), kMostWords);
  if (!status.ok()) return status;
  if (!(spec.degree() > 0 && spec.degree() <= 1000)) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".degree: ", spec.degree(), "; legal: more than 0, at most 1000"));
  }
  status = CheckProbability(field + ".homophily", spec.homophily());
  return status.ok() ? CheckProbability(field + ".topic", spec.topic()) : status;
}

v1::BlockModelSource WithDefaults(v1::BlockModelSource spec) {
  if (!spec.has_count()) spec.set_count(1000);
  if (!spec.has_classes()) spec.set_classes(4);
  if (!spec.has_features()) spec.set_features(200);
  if (!spec.has_degree()) spec.set_degree(5);
  if (!spec.has_homophily()) spec.set_homophily(0.75);
  if (!spec.has_words()) spec.set_words(12);
  if (!spec.has_topic()) spec.set_topic(0.3);
  if (!spec.has_seed()) spec.set_seed(1);
  return spec;
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

}  // namespace

DatasetOr OpenBlockModel(const v1::BlockModelSource& source, const std::string& field) {
  const v1::BlockModelSource spec = WithDefaults(source);
  if (absl::Status legal = Check(spec, field); !legal.ok()) return legal;
  Examples nodes = DrawNodes(spec);
  std::vector<std::pair<int32_t, int32_t>> edges = DrawEdges(spec, nodes);
  std::vector<float> labels;
  for (uint32_t c = 0; c < spec.classes(); ++c) labels.push_back(static_cast<float>(c));
  const uint64_t checksum = Crc32c(absl::StrFormat(
      "block_model 1 %d %d %d %.17g %.17g %d %.17g %d", spec.count(), spec.classes(),
      spec.features(), spec.degree(), spec.homophily(), spec.words(), spec.topic(), spec.seed()));
  return MakeGraphDataset(std::move(edges), std::move(nodes), std::move(labels), checksum);
}

}  // namespace gradloom
