// The table of data sources. To add one: a message in run.proto's DataSource, a file with its class
// and its entry, its name in the table (sources.cc), and an entry in the contract suite
// (tests/models/data/dataset_contract_test.cc).
#ifndef GRADLOOM_MODELS_DATA_SOURCES_H_
#define GRADLOOM_MODELS_DATA_SOURCES_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gradloom/v1/run.pb.h"
#include "models/data/dataset.h"
#include "models/spec/findings.h"
#include "models/spec/kinds.h"

namespace gradloom {

using DatasetOr = absl::StatusOr<std::unique_ptr<Dataset>>;

struct SourceKind {
  KindSpec<v1::DataSource> spec;
  bool graph = false;  // its examples are the nodes of a graph
  // `source` has its defaults and is legal; `field` is the path of its own message
  // ("data.train.idx"), files are relative to `base_folder`. Where the format has a header it is
  // checked against the file's size before anything is allocated from it.
  DatasetOr (*open)(const v1::DataSource& source, const std::string& field,
                    const std::string& base_folder);
};

void FillSource(v1::DataSource* source);
// Reports what is wrong with a source that has its defaults; `field` is its path ("data.train").
void CheckSource(const v1::DataSource& source, const std::string& field, Findings* findings);
// "graph_npz, graph_csv": the sources of graphs.
std::string GraphSources();

// Most examples of a set that is read from files: their targets are kept.
inline constexpr int64_t kMaxExamples = int64_t{1} << 30;
// InvalidArgument, naming the file, when there are more.
absl::Status CheckExampleCount(absl::string_view name, int64_t examples);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_SOURCES_H_
