// Chance, of one seed: a stream for each of those who draw, so that what one draws moves nobody
// else's.
#ifndef GRADLOOM_TESTS_SIMULATION_DRAWS_H_
#define GRADLOOM_TESTS_SIMULATION_DRAWS_H_

#include <cmath>
#include <cstdint>

#include "absl/time/time.h"
#include "models/random.h"

namespace gradloom {

class Draws {
 public:
  Draws(uint64_t seed, uint64_t who) : stream_(seed, Purpose::kStraggle, who) {}

  bool Chance(double probability) { return stream_.NextUniform() < probability; }
  int Below(int n) { return static_cast<int>(stream_.NextBelow(static_cast<uint64_t>(n))); }
  double Seconds(double least, double most) {
    return least + (most - least) * stream_.NextUniform();
  }
  absl::Duration Between(double least_seconds, double most_seconds) {
    return absl::Microseconds(std::llround(1e6 * Seconds(least_seconds, most_seconds)));
  }
  // Shifted exponential.
  absl::Duration Around(double least_seconds, double mean_more) {
    return absl::Microseconds(
        std::llround(1e6 * (least_seconds - mean_more * std::log1p(-stream_.NextUniform()))));
  }

 private:
  RandomStream stream_;
};

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_SIMULATION_DRAWS_H_
