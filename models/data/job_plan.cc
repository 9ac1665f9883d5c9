#include "models/data/job_plan.h"

namespace gradloom {

std::pair<int64_t, int64_t> JobPlan::Positions(int lane, int64_t begin, int64_t end,
                                               int64_t denominator) const {
  const auto place = [&](int64_t at) {
    return static_cast<int64_t>(static_cast<__int128>(at) * batch_size(lane) / denominator);
  };
  return {place(begin), place(end)};
}

}  // namespace gradloom
