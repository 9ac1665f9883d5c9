#include "models/workloads/class_numbers.h"

#include <algorithm>
#include <limits>

namespace gradloom {

ClassNumbers::ClassNumbers(const DatasetInfo& data)
    : count_(data.classes), labels_(data.class_labels) {
  bool counted = true;
  for (size_t c = 0; counted && c < labels_.size(); ++c) {
    counted = labels_[c] == static_cast<float>(c);
  }
  if (counted) labels_.clear();
}

float ClassNumbers::Of(float target) const {
  if (labels_.empty()) return target;
  const auto place = std::lower_bound(labels_.begin(), labels_.end(), target);
  if (place == labels_.end() || *place != target) return std::numeric_limits<float>::quiet_NaN();
  return static_cast<float>(place - labels_.begin());
}

const float* ClassNumbers::Of(const float* targets, int64_t rows, Workspace* workspace) const {
  if (labels_.empty()) return targets;
  float* const numbers = workspace->Take(rows);
  std::transform(targets, targets + rows, numbers, [this](float target) { return Of(target); });
  return numbers;
}

}  // namespace gradloom
