// Whether targets are classes or real values: decided once, the same way for every format whose
// targets are numbers (LIBSVM, CSV, NumPy).
//
// Targets are classes when all of them are integers and at most kMaxClasses values occur; the
// distinct values in ascending order are classes 0, 1, ... (so -1/+1 become 0/1). Otherwise they
// are real values. A test set read on its own may see fewer values than its training set: OpenData
// brings it to the training set's classes.
#ifndef GRADLOOM_MODELS_DATA_TARGETS_H_
#define GRADLOOM_MODELS_DATA_TARGETS_H_

#include <set>
#include <vector>

namespace gradloom {

class TargetScan {
 public:
  static constexpr int kMaxClasses = 100;

  void Add(float target);
  // The value of each class, ascending; empty when the targets are real values.
  std::vector<float> ClassLabels() const;

 private:
  std::set<float> values_;
  bool real_ = false;
};

// Replaces targets that `class_labels` lists by their class number; nothing if it is empty.
void ToClassNumbers(const std::vector<float>& class_labels, std::vector<float>& targets);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_TARGETS_H_
