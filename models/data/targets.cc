#include "models/data/targets.h"

#include <algorithm>
#include <cmath>

namespace gradloom {

void TargetScan::Add(float target) {
  if (real_) return;
  values_.insert(target);
  if (std::trunc(target) != target || values_.size() > kMaxClasses) {
    real_ = true;
    values_.clear();
  }
}

std::vector<float> TargetScan::ClassLabels() const { return {values_.begin(), values_.end()}; }

void ToClassNumbers(const std::vector<float>& class_labels, std::vector<float>& targets) {
  if (class_labels.empty()) return;
  for (float& target : targets) {
    const auto place = std::lower_bound(class_labels.begin(), class_labels.end(), target);
    target = static_cast<float>(place - class_labels.begin());
  }
}

}  // namespace gradloom
