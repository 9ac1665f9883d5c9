// Where examples come from. A Dataset is opened once (reads headers, learns the shape, validates)
// and then loads contiguous ranges of examples, so that a worker reads only its chunks where the
// format allows (IDX plain, CIFAR-10, NPY, generated) and keeps only its chunks in any case.
// Thread-safe after Open: Load may be called concurrently.
#ifndef GRADLOOM_MODELS_DATA_DATASET_H_
#define GRADLOOM_MODELS_DATA_DATASET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {

struct Graph;

struct DatasetInfo {
  int64_t examples = 0;
  int64_t features = 0;                     // channels * height * width for images
  int channels = 0, height = 0, width = 0;  // 0 when not images
  // Classes that the targets, which are numbers, can stand for; 0 when they cannot. Class c is
  // targets of class_labels[c], ascending (-1, 1 of a LIBSVM file are classes 0, 1).
  int classes = 0;
  std::vector<float> class_labels;
  // Why they cannot, in a training set also because of its test set: names file, place and target.
  std::string no_classes;
  // There are so many classes, and only whole targets say that they are classes, that without a
  // word of the user's they are numbers.
  bool rather_numbers = false;
  bool sparse = false;
  // What connects the examples; null unless they are the nodes of a graph, all of it.
  std::shared_ptr<const Graph> graph;
  // Of the data's meaning, equal on every machine that has the same data: CRC-32C of the files'
  // contents (uncompressed), or of a generator's settings; the upper half is a CRC-32C of settings
  // that change what the contents mean (a range, the target's column).
  uint64_t checksum = 0;
};

// Examples in memory. Dense: row-major rows x features (images: channel, row, column). Sparse: CSR.
struct Examples {
  int64_t rows = 0;
  int64_t features = 0;
  bool sparse = false;
  std::vector<float> dense;
  std::vector<int64_t> row_start;  // rows + 1, when sparse
  std::vector<int32_t> column;
  std::vector<float> value;
  std::vector<float> targets;  // as the source has them; see DatasetInfo::classes

  // Rows `index` of this, in that order.
  Examples Gather(const std::vector<int64_t>& index) const;
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  const DatasetInfo& info() const { return info_; }
  // Examples [begin, end), 0 <= begin <= end <= info().examples. DataLoss/InvalidArgument names
  // file, place and what is wrong (truncated, NaN, unknown label, ...).
  virtual absl::StatusOr<Examples> Load(int64_t begin, int64_t end) const = 0;

 protected:
  // InvalidArgument unless Load may be asked for the range and what it returns has a sane size.
  absl::Status CheckLoad(int64_t begin, int64_t end) const;
  DatasetInfo info_;
};

// Opens a source; errors name the field ("data.train.idx.images"), the value and what is legal.
// `field` is the path to prefix, e.g. "data.train". Relative files are relative to `base_folder`
// (the run file's folder; "" = current).
absl::StatusOr<std::unique_ptr<Dataset>> OpenDataset(const v1::DataSource& source,
                                                     const std::string& field,
                                                     const std::string& base_folder);

// The train and test sets of a run, `holdout` applied. `test` is null when there is none.
// Checks that train and test have the same shape; a sparse test set that knows fewer features than
// a sparse training set is widened to it. The test set gets the training set's classes: it may lack
// some, but where it has others the training set has no_classes. Both have a checksum, of every
// value and target and of their order.
struct TrainAndTest {
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> test;
};
absl::StatusOr<TrainAndTest> OpenData(const v1::DataSpec& spec, const std::string& base_folder);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_DATASET_H_
