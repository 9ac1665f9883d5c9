// What workloads that read examples have in common: sub-batches of them, checked.
#ifndef GRADLOOM_MODELS_WORKLOADS_EXAMPLE_ROWS_H_
#define GRADLOOM_MODELS_WORKLOADS_EXAMPLE_ROWS_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "models/data/dataset.h"
#include "models/kernels/kernels.h"
#include "models/layers/workspace.h"
#include "models/workloads/class_numbers.h"
#include "models/workloads/sparse.h"

namespace gradloom {

// Rows of examples.
struct Slice {
  int64_t rows;
  const float* dense;  // null when sparse
  SparseRows sparse;
  const float* targets;  // numbers, or class numbers
};
// Class numbers that are not the targets themselves are written to the workspace.
Slice SliceOf(const Examples& examples, int64_t first, int64_t rows, const ClassNumbers& classes,
              Workspace* workspace);
// Its rows as they are or, sparse ones, written out.
const float* DenseRows(const Slice& slice, int64_t features, Workspace* workspace);

// InvalidArgument unless the arrays are those of examples with so many features.
absl::Status CheckExamples(const Examples& examples, int64_t features);
// DataLoss, naming the example, unless values are finite and columns within the features. ids of
// training examples; empty for test examples, of which the slice's first is number first_row.
absl::Status CheckValues(const Kernels& kernels, const Slice& slice, int64_t features,
                         std::span<const int64_t> ids, int64_t first_row);
// DataLoss, naming the example, unless targets are classes 0 .. classes - 1.
absl::Status CheckClasses(const Slice& slice, int64_t classes, std::span<const int64_t> ids,
                          int64_t first_row);

// "training example ids[row]", or "example row" when there are no ids.
std::string NameOf(std::span<const int64_t> ids, int64_t row);
// Of an example whose loss is not finite or whose target (a class number, NaN for none, unless
// classes is 0) is none of 0 .. classes - 1: which of the two it is.
absl::Status BadExample(const std::string& name, float target, int64_t classes);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_EXAMPLE_ROWS_H_
