// A graph as two texts: an edge list, and a CSV of the nodes' features and classes.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "models/data/byte_source.h"
#include "models/data/csv.h"
#include "models/data/graph.h"
#include "models/data/rows.h"
#include "models/data/targets.h"
#include "models/data/text.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

using Edges = std::vector<std::pair<int32_t, int32_t>>;

// Lines that begin with '#' and, as the first one, a header are skipped.
absl::Status ReadEdges(const ByteSource& file, int64_t nodes, Edges& edges) {
  const RowFormat format{.delimiter = RowFormat::kAnyDelimiter, .comments = true};
  Header header;
  bool first = true;
  const auto node = [nodes](absl::string_view text, int32_t& out) {
    return absl::SimpleAtoi(text, &out) && 0 <= out && out < nodes;
  };
  return ForEachRow(file, 0, file.size(), format, [&](const Row& row) -> absl::Status {
    if (std::exchange(first, false) && KindOf(row.cells) == RowKind::kNames) {
      header = Header(row.cells);
      return absl::OkStatus();
    }
    const auto ends = row.cells.subspan(header.RowsHaveNames(row.cells.size()) ? 1 : 0);
    int32_t from = 0, to = 0;
    if (ends.size() != 2 || !node(ends[0], from) || !node(ends[1], to)) {
      return absl::InvalidArgumentError(
          absl::StrCat(file.name(), ", line ", row.line, ": ", Shown(row.text),
                       "; legal: two node numbers from 0 to ", nodes - 1));
    }
    edges.emplace_back(from, to);
    return absl::OkStatus();
  });
}

void Fill(v1::DataSource* source) { FillCsv(source->mutable_graph_csv()->mutable_nodes()); }

void Check(const v1::DataSource& source, const std::string& field, Findings* findings) {
  findings->RequireText(source.graph_csv().edges(), field + ".edges", "a file");
  CheckCsv(source.graph_csv().nodes(), field + ".nodes", findings);
}

DatasetOr Open(const v1::DataSource& data, const std::string& field,
               const std::string& base_folder) {
  const v1::GraphCsvSource& source = data.graph_csv();
  absl::StatusOr<std::unique_ptr<Dataset>> nodes =
      OpenCsv(source.nodes(), field + ".nodes", base_folder);
  if (!nodes.ok()) return nodes.status();
  const DatasetInfo& info = (*nodes)->info();
  if (info.classes == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(info.no_classes, "; legal: whole numbers, a class each"));
  }
  if (info.examples > kMaxGraphNodes || info.features > kMaxGraphNodes) {
    return absl::InvalidArgumentError(absl::StrCat(field, ".nodes has ", info.examples,
                                                   " nodes of ", info.features,
                                                   " features; legal: 1 to ", kMaxGraphNodes));
  }
  absl::StatusOr<std::unique_ptr<ByteSource>> file =
      OpenText(source.edges(), field + ".edges", base_folder);
  if (!file.ok()) return file.status();
  Edges edges;
  if (absl::Status read = ReadEdges(**file, info.examples, edges); !read.ok()) return read;
  absl::StatusOr<Examples> features = (*nodes)->Load(0, info.examples);
  if (!features.ok()) return features.status();
  ToClassNumbers(info.class_labels, features->targets);
  const uint64_t checksum = info.checksum ^ Crc32c(absl::StrCat("graph_csv ", (*file)->checksum()));
  return MakeGraphDataset(std::move(edges), *std::move(features), info.class_labels, checksum);
}

}  // namespace

extern const SourceKind kGraphCsvSource = {
    .spec = {.kind = v1::DataSource::kGraphCsv, .fill = Fill, .check = Check},
    .graph = true,
    .open = Open};

}  // namespace gradloom
