// What targets may be taken for, where a format does not say so (LIBSVM, CSV, NumPy). Targets are
// numbers, and stay it. Where all are whole, the values that occur can stand for classes: in
// ascending order class 0, 1, ... (-1 and +1 are classes 0 and 1). Which of the two is meant is for
// whoever trains on them to say (models/workloads/workload.cc).
#ifndef GRADLOOM_MODELS_DATA_TARGETS_H_
#define GRADLOOM_MODELS_DATA_TARGETS_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "models/data/dataset.h"

namespace gradloom {

class TargetScan {
 public:
  static constexpr size_t kMaxClasses = size_t{1} << 16;
  // With more values nobody means classes, unless he says so.
  static constexpr size_t kMaxGuessedClasses = 100;

  // What precedes a target's place in messages: "FILE, line ".
  explicit TargetScan(std::string place) : place_(std::move(place)) {}
  void Add(float target, int64_t place);
  // Fills in classes and what belongs to them.
  void Tell(DatasetInfo& info) const;

 private:
  void RefuseClasses(int64_t place, const std::string& why);

  std::string place_;
  std::set<float> values_;
  std::string no_classes_;
};

// Classes 0 to `classes` - 1, as a format has them.
void SetClasses(int classes, DatasetInfo& info);

// Replaces targets that `class_labels` lists by their class number.
void ToClassNumbers(const std::vector<float>& class_labels, std::vector<float>& targets);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_DATA_TARGETS_H_
