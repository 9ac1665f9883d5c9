#include "worker/pace_book.h"

namespace gradloom {

void PaceBook::Learn(const Lane& lane, double seconds, int64_t examples) {
  if (examples <= 0) return;
  const double pace = seconds / static_cast<double>(examples);
  double& known = seconds_per_example_[lane];
  known = known == 0 ? pace : 0.7 * known + 0.3 * pace;
}

double PaceBook::SecondsPerExample(const Lane& lane) const {
  const auto known = seconds_per_example_.find(lane);
  return known == seconds_per_example_.end() ? 0 : known->second;
}

void PaceBook::EndRun(uint64_t run) {
  std::erase_if(seconds_per_example_, [&](const auto& entry) { return entry.first.run == run; });
}

}  // namespace gradloom
