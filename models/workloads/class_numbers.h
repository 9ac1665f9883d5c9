// Targets as a classifier sees them: class numbers 0, 1, ... in place of what a data set calls its
// classes. The data keep their own numbers, which are a regression's targets as they are.
#ifndef GRADLOOM_MODELS_WORKLOADS_CLASS_NUMBERS_H_
#define GRADLOOM_MODELS_WORKLOADS_CLASS_NUMBERS_H_

#include <cstdint>
#include <vector>

#include "models/data/dataset.h"
#include "models/layers/workspace.h"

namespace gradloom {

class ClassNumbers {
 public:
  // Of no classes: targets are numbers.
  ClassNumbers() = default;
  // Of the training set's classes, if `data` has any. Without labels they are called 0, 1, ...
  explicit ClassNumbers(const DatasetInfo& data);

  int64_t count() const { return count_; }  // 0: targets are numbers
  // The class number, or NaN for a target that is none of the classes. Targets that are numbers,
  // and those of classes called 0, 1, ..., come back as they are, whatever they are.
  float Of(float target) const;
  // Likewise of `rows` targets: where they do not come back as they are, in the workspace.
  const float* Of(const float* targets, int64_t rows, Workspace* workspace) const;

 private:
  int64_t count_ = 0;
  std::vector<float> labels_;  // ascending; empty where they would be 0, 1, ...
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_CLASS_NUMBERS_H_
