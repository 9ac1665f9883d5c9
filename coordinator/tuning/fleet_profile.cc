#include "coordinator/tuning/fleet_profile.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "models/random.h"

namespace gradloom {
namespace {

constexpr double kLeastSeconds = 1e-6;
constexpr uint64_t kResampleSeed = 1;

class ProfileDelays final : public DelayModel {
 public:
  ProfileDelays(const FleetProfile& profile, std::vector<int> order)
      : profile_(profile), order_(std::move(order)) {}
  double Seconds(int slot, int64_t invocation, double load) const override {
    const size_t row = order_[invocation % static_cast<int64_t>(order_.size())];
    return std::max(kLeastSeconds, profile_.fixed_seconds[row * profile_.slots + slot] +
                                       load * profile_.slope_seconds);
  }
  double ReplySeconds() const override { return profile_.reply_seconds; }
  int slots() const override { return profile_.slots; }

 private:
  const FleetProfile& profile_;
  std::vector<int> order_;
};

}  // namespace

FleetProfile ProfileOfTrace(const Trace& trace, int slots, double recorded_slope, double slope) {
  FleetProfile profile{trace.rows, slots, {}, slope};
  profile.fixed_seconds.reserve(static_cast<size_t>(trace.rows) * slots);
  for (int row = 0; row < trace.rows; ++row) {
    for (int slot = 0; slot < slots; ++slot) {
      profile.fixed_seconds.push_back(
          std::max(kLeastSeconds, trace.at(row, slot) - trace.load * recorded_slope));
    }
  }
  return profile;
}

FleetProfile ProfileOfModel(const DelayModel& delays, int slots, int rows) {
  FleetProfile profile{rows, slots, {}, 0, delays.ReplySeconds()};
  profile.fixed_seconds.reserve(static_cast<size_t>(rows) * slots);
  for (int row = 0; row < rows; ++row) {
    for (int slot = 0; slot < slots; ++slot) {
      const double seconds = delays.Seconds(slot, row, 0);
      profile.fixed_seconds.push_back(std::max(kLeastSeconds, seconds));
      if (profile.slope_seconds == 0 && std::isfinite(seconds)) {
        profile.slope_seconds = delays.Seconds(slot, row, 1) - seconds;
      }
    }
  }
  return profile;
}

std::unique_ptr<DelayModel> MakeProfileDelays(const FleetProfile& profile, std::vector<int> order) {
  return std::make_unique<ProfileDelays>(profile, std::move(order));
}

std::vector<int> RecordedOrder(const FleetProfile& profile) {
  std::vector<int> order(profile.rows);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

int ResampledBlock(const FleetProfile& profile) {
  // About rows^(1/3), the usual compromise between keeping bursts and drawing enough.
  return std::max(1, static_cast<int>(std::lround(std::cbrt(profile.rows))));
}

std::vector<int> ResampledOrder(const FleetProfile& profile, int64_t length, uint64_t number) {
  const int block = ResampledBlock(profile);
  RandomStream random(kResampleSeed, Purpose::kResample, number, 0);
  std::vector<int> order;
  while (static_cast<int64_t>(order.size()) < length) {
    const auto start = static_cast<int>(random.NextBelow(profile.rows));
    for (int i = 0; i < block && static_cast<int64_t>(order.size()) < length; ++i) {
      order.push_back((start + i) % profile.rows);
    }
  }
  return order;
}

}  // namespace gradloom
