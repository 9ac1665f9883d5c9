#include "coding/codes/code_random.h"

#include <cmath>
#include <numbers>

namespace gradloom {
namespace {

// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): neighbouring inputs, unrelated outputs.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

CodeRandom::CodeRandom(uint64_t seed, uint64_t stream) : engine_(Mix(Mix(seed) ^ stream)) {}

double CodeRandom::Uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }

double CodeRandom::Gaussian() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * std::log(1 - Uniform()));  // 1 - U > 0
  const double angle = 2 * std::numbers::pi * Uniform();
  has_spare_ = true;
  spare_ = radius * std::sin(angle);
  return radius * std::cos(angle);
}

int CodeRandom::Below(int end) {
  // Draws from the incomplete last run of `end` values would favour small results.
  const uint64_t range = static_cast<uint64_t>(end);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % range;
  uint64_t draw = engine_();
  while (draw >= limit) draw = engine_();
  return static_cast<int>(draw % range);
}

}  // namespace gradloom
