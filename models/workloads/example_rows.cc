#include "models/workloads/example_rows.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

bool IsClass(float target, int64_t classes) {
  return target >= 0 && target < static_cast<float>(classes) && target == std::floor(target);
}

// Row `row` of a slice that begins at first_row.
std::string NameIn(std::span<const int64_t> ids, int64_t first_row, int64_t row) {
  return ids.empty() ? NameOf(ids, first_row + row) : NameOf(ids, row);
}

}  // namespace

Slice SliceOf(const Examples& examples, int64_t first, int64_t rows, const ClassNumbers& classes,
              Workspace* workspace) {
  Slice slice{rows, nullptr, {}, classes.Of(examples.targets.data() + first, rows, workspace)};
  if (examples.sparse) {
    slice.sparse = {rows, examples.row_start.data() + first, examples.column.data(),
                    examples.value.data()};
  } else {
    slice.dense = examples.dense.data() + first * examples.features;
  }
  return slice;
}

const float* DenseRows(const Slice& slice, int64_t features, Workspace* workspace) {
  if (slice.dense != nullptr) return slice.dense;
  float* const dense = workspace->Take(slice.rows * features);
  WriteOut(slice.sparse, features, dense);
  return dense;
}

absl::Status CheckExamples(const Examples& examples, int64_t features) {
  if (examples.features != features) {
    return absl::InvalidArgumentError(absl::StrCat(
        "examples have ", examples.features, " features; the workload was made for ", features));
  }
  const auto rows = static_cast<size_t>(examples.rows);
  const bool consistent =
      examples.targets.size() == rows &&
      (examples.sparse ? examples.row_start.size() == rows + 1 &&
                             examples.column.size() == examples.value.size()
                       : examples.dense.size() == rows * static_cast<size_t>(features));
  return consistent ? absl::OkStatus()
                    : absl::InvalidArgumentError(
                          absl::StrCat("examples: arrays do not match ", examples.rows, " rows"));
}

absl::Status CheckValues(const Kernels& kernels, const Slice& slice, int64_t features,
                         std::span<const int64_t> ids, int64_t first_row) {
  if (slice.dense != nullptr) {
    const int64_t bad = kernels.first_non_finite(slice.rows * features, slice.dense);
    if (bad == slice.rows * features) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(NameIn(ids, first_row, bad / features), ": feature ",
                                            bad % features, " is ", slice.dense[bad],
                                            "; legal are finite values"));
  }
  const SparseRows& x = slice.sparse;
  for (int64_t row = 0; row < x.rows; ++row) {
    for (int64_t k = x.row_start[row]; k < x.row_start[row + 1]; ++k) {
      if (x.column[k] < 0 || x.column[k] >= features || !std::isfinite(x.value[k])) {
        return absl::DataLossError(
            absl::StrCat(NameIn(ids, first_row, row), ": feature ", x.column[k], " is ", x.value[k],
                         "; legal are finite values of features 0 to ", features - 1));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckClasses(const Slice& slice, int64_t classes, std::span<const int64_t> ids,
                          int64_t first_row) {
  for (int64_t row = 0; row < slice.rows; ++row) {
    if (!IsClass(slice.targets[row], classes)) {
      return BadExample(NameIn(ids, first_row, row), slice.targets[row], classes);
    }
  }
  return absl::OkStatus();
}

std::string NameOf(std::span<const int64_t> ids, int64_t row) {
  return ids.empty() ? absl::StrCat("example ", row) : absl::StrCat("training example ", ids[row]);
}

absl::Status BadExample(const std::string& name, float target, int64_t classes) {
  if (classes != 0 && std::isnan(target)) {
    return absl::DataLossError(
        absl::StrCat(name, ": its target is none of the training set's ", classes, " classes"));
  }
  if (classes != 0 && !IsClass(target, classes)) {
    return absl::DataLossError(
        absl::StrCat(name, ": target ", target, " is no class; legal are 0 to ", classes - 1));
  }
  return absl::DataLossError(
      absl::StrCat(name, ": its loss is not finite (target ", target,
                   "); the parameters have diverged: a lower learning rate or clipping may help"));
}

}  // namespace gradloom
