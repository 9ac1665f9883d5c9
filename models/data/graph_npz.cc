// A graph as arrays of one .npz: compressed sparse rows of the adjacency (adj_*) and of the
// features (attr_*), or dense features (attr_matrix), and labels. Other arrays are ignored.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/data/graph.h"
#include "models/data/npy_array.h"
#include "models/data/sources.h"
#include "models/data/targets.h"
#include "models/data/zip_archive.h"
#include "proto/wire/crc32c.h"

namespace gradloom {
namespace {

// Arrays are read in single precision, which counts without gaps up to here.
constexpr int64_t kMostEntries = int64_t{1} << 24;
// Of a dense matrix, before its zeros are left out.
constexpr int64_t kMaxDenseFeatures = int64_t{1} << 31;

// Reads arrays of one file.
class Arrays {
 public:
  explicit Arrays(ZipArchive archive) : archive_(std::move(archive)) {}

  absl::StatusOr<NpyArray> Open(absl::string_view name) const {
    return NpyArray::OpenIn(archive_, name);
  }
  // A vector of at most kMostEntries elements.
  absl::StatusOr<std::vector<float>> Values(absl::string_view name) {
    const absl::StatusOr<NpyArray> array = Open(name);
    if (!array.ok()) return array.status();
    if (array->shape().size() != 1 || array->rows() > kMostEntries) {
      return absl::InvalidArgumentError(
          absl::StrCat(array->name(), " has ", array->shape().size(), " dimensions and ",
                       array->rows(), " rows; legal: one dimension, 1 to ", kMostEntries));
    }
    absl::StrAppend(&checksums_, " ", array->checksum());
    std::vector<float> values;
    if (auto read = array->Append(0, array->rows(), values); !read.ok()) return read;
    return values;
  }
  // Likewise, of whole numbers from 0 to `most`.
  template <typename Integer>
  absl::Status Integers(absl::string_view name, int64_t most, std::vector<Integer>& out) {
    const absl::StatusOr<std::vector<float>> values = Values(name);
    if (!values.ok()) return values.status();
    out.reserve(values->size());
    for (size_t i = 0; i < values->size(); ++i) {
      const float value = (*values)[i];
      if (!(value >= 0 && value <= static_cast<float>(most) && value == std::trunc(value))) {
        return Invalid(
            name, absl::StrCat("[", i, "] = ", value, "; legal: whole numbers from 0 to ", most));
      }
      out.push_back(static_cast<Integer>(value));
    }
    return absl::OkStatus();
  }
  absl::Status Invalid(absl::string_view name, absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(archive_.name(), ":", name, what));
  }
  void Saw(const NpyArray& array) { absl::StrAppend(&checksums_, " ", array.checksum()); }
  uint64_t checksum() const { return Crc32c(absl::StrCat("graph_npz", checksums_)); }

 private:
  ZipArchive archive_;
  std::string checksums_;
};

struct SparseMatrix {
  std::vector<int64_t> shape, row_start;
  std::vector<int32_t> column;
  std::vector<float> value;
};

// `name`_data, _indices, _indptr and _shape, which fit together.
absl::Status ReadSparse(Arrays& arrays, const std::string& name, SparseMatrix& matrix) {
  absl::Status read = arrays.Integers(name + "_shape", kMaxGraphNodes, matrix.shape);
  if (!read.ok()) return read;
  if (matrix.shape.size() != 2 || matrix.shape[0] < 1 || matrix.shape[1] < 1) {
    return arrays.Invalid(name + "_shape", " must be a number of rows and one of columns");
  }
  read = arrays.Integers(name + "_indptr", kMostEntries, matrix.row_start);
  if (!read.ok()) return read;
  read = arrays.Integers(name + "_indices", matrix.shape[1] - 1, matrix.column);
  if (!read.ok()) return read;
  absl::StatusOr<std::vector<float>> value = arrays.Values(name + "_data");
  if (!value.ok()) return value.status();
  matrix.value = *std::move(value);
  const auto entries = static_cast<int64_t>(matrix.column.size());
  if (static_cast<int64_t>(matrix.value.size()) != entries) {
    return arrays.Invalid(name + "_data", absl::StrCat(" has ", matrix.value.size(),
                                                       " elements, _indices ", entries));
  }
  bool ascending = static_cast<int64_t>(matrix.row_start.size()) == matrix.shape[0] + 1 &&
                   matrix.row_start.front() == 0 && matrix.row_start.back() == entries;
  for (size_t i = 1; ascending && i < matrix.row_start.size(); ++i) {
    ascending = matrix.row_start[i - 1] <= matrix.row_start[i];
  }
  if (!ascending) {
    return arrays.Invalid(name + "_indptr",
                          absl::StrCat(" must ascend from 0 to the ", entries, " entries in ",
                                       matrix.shape[0] + 1, " steps"));
  }
  return absl::OkStatus();
}

absl::Status ReadFeatures(Arrays& arrays, Examples& features) {
  if (const absl::StatusOr<NpyArray> dense = arrays.Open("attr_matrix"); dense.ok()) {
    if (dense->shape().size() != 2 || dense->rows() > kMaxGraphNodes ||
        dense->row_size() > kMaxDenseFeatures / dense->rows()) {
      return arrays.Invalid(
          "attr_matrix", absl::StrCat(" must be a matrix of at most ", kMaxGraphNodes, " rows and ",
                                      kMaxDenseFeatures, " elements"));
    }
    arrays.Saw(*dense);
    features.rows = dense->rows();
    features.features = dense->row_size();
    return dense->Append(0, dense->rows(), features.dense);
  }
  SparseMatrix matrix;
  if (absl::Status read = ReadSparse(arrays, "attr", matrix); !read.ok()) return read;
  features.rows = matrix.shape[0];
  features.features = matrix.shape[1];
  features.sparse = true;
  features.row_start = std::move(matrix.row_start);
  features.column = std::move(matrix.column);
  features.value = std::move(matrix.value);
  return absl::OkStatus();
}

void Check(const v1::DataSource& source, const std::string& field, Findings* findings) {
  findings->RequireText(source.graph_npz().file(), field + ".file", "a file");
}

DatasetOr Open(const v1::DataSource& data, const std::string& field,
               const std::string& base_folder) {
  const v1::GraphNpzSource& source = data.graph_npz();
  absl::StatusOr<ZipArchive> archive = OpenNpz(source.file(), field + ".file", base_folder);
  if (!archive.ok()) return archive.status();
  Arrays arrays(*std::move(archive));
  SparseMatrix adjacency;
  if (absl::Status read = ReadSparse(arrays, "adj", adjacency); !read.ok()) return read;
  const int64_t nodes = adjacency.shape[0];
  if (adjacency.shape[1] != nodes) {
    return arrays.Invalid("adj_shape", absl::StrCat(" is ", nodes, " x ", adjacency.shape[1],
                                                    "; legal: as many columns as rows"));
  }
  Examples features;
  if (absl::Status read = ReadFeatures(arrays, features); !read.ok()) return read;
  absl::StatusOr<std::vector<float>> labels = arrays.Values("labels");
  if (!labels.ok()) return labels.status();
  if (features.rows != nodes || static_cast<int64_t>(labels->size()) != nodes) {
    return arrays.Invalid("adj_shape",
                          absl::StrCat(" has ", nodes, " nodes, but there are ", features.rows,
                                       " rows of features and ", labels->size(), " labels"));
  }
  TargetScan scan(absl::StrCat(source.file(), ":labels, row "));
  for (int64_t i = 0; i < nodes; ++i) scan.Add((*labels)[i], i);
  DatasetInfo info;
  scan.Tell(info);
  if (info.classes == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".file: ", info.no_classes, "; legal: whole numbers, a class each"));
  }
  ToClassNumbers(info.class_labels, *labels);
  features.targets = *std::move(labels);
  std::vector<std::pair<int32_t, int32_t>> edges;
  edges.reserve(adjacency.column.size());
  for (int64_t i = 0; i < nodes; ++i) {
    for (int64_t k = adjacency.row_start[i]; k < adjacency.row_start[i + 1]; ++k) {
      if (adjacency.value[k] != 0) edges.emplace_back(static_cast<int32_t>(i), adjacency.column[k]);
    }
  }
  return MakeGraphDataset(std::move(edges), std::move(features), std::move(info.class_labels),
                          arrays.checksum());
}

}  // namespace

extern const SourceKind kGraphNpzSource = {
    .spec = {.kind = v1::DataSource::kGraphNpz, .check = Check}, .graph = true, .open = Open};

}  // namespace gradloom
