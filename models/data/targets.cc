#include "models/data/targets.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace gradloom {
namespace {

// From here on single precision does not tell all whole numbers apart.
constexpr float kMostWhole = 1 << 24;

}  // namespace

void TargetScan::Add(float target, int64_t place) {
  if (!no_classes_.empty()) return;
  if (std::trunc(target) != target) {
    RefuseClasses(place, absl::StrFormat("%.9g is no whole number", target));
  } else if (std::abs(target) >= kMostWhole) {
    RefuseClasses(place, absl::StrFormat("%.9g is none of the whole numbers within +-%.9g", target,
                                         kMostWhole));
  } else if (values_.insert(target).second && values_.size() > kMaxClasses) {
    RefuseClasses(place, absl::StrFormat("%.9g is one value more than %d", target, kMaxClasses));
  }
}

void TargetScan::RefuseClasses(int64_t place, const std::string& why) {
  no_classes_ = absl::StrCat(place_, place, ": the target ", why);
  values_.clear();
}

void TargetScan::Tell(DatasetInfo& info) const {
  info.class_labels.assign(values_.begin(), values_.end());
  info.classes = static_cast<int>(values_.size());
  info.rather_numbers = values_.size() > kMaxGuessedClasses;
  info.no_classes = no_classes_;
}

void SetClasses(int classes, DatasetInfo& info) {
  info.classes = classes;
  info.class_labels.resize(classes);
  std::iota(info.class_labels.begin(), info.class_labels.end(), 0.0F);
}

void ToClassNumbers(const std::vector<float>& class_labels, std::vector<float>& targets) {
  for (float& target : targets) {
    const auto place = std::lower_bound(class_labels.begin(), class_labels.end(), target);
    target = static_cast<float>(place - class_labels.begin());
  }
}

}  // namespace gradloom
