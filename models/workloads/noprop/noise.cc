#include "models/workloads/noprop/noise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "models/portable_math.h"
#include "models/random.h"

namespace gradloom {
namespace {

constexpr double kOffset = 0.008;
constexpr double kFirstGamma = 7;
constexpr double kRange = 14;
constexpr int kPowers = kNoiseShape;

struct Shape {
  double value = 0;                       // s(t): 0 at 0, 1 at 1
  double slope = 0;                       // s'(t)
  std::array<double, kPowers> weight{};   // softmax(w)
  std::array<double, kPowers> power{};    // t^k
  std::array<double, kPowers> d_power{};  // k t^(k-1)
};

Shape ShapeAt(std::span<const float> parameters, double t) {
  Shape shape;
  const float* const w = parameters.data();
  const float top = *std::max_element(w, w + kPowers);
  double total = 0, power = 1;
  for (int k = 0; k < kPowers; ++k) {
    shape.weight[k] = PortableExp(double{w[k]} - top);
    total += shape.weight[k];
    shape.d_power[k] = (k + 1) * power;
    power *= t;
    shape.power[k] = power;
  }
  for (int k = 0; k < kPowers; ++k) {
    shape.weight[k] /= total;
    shape.value += shape.weight[k] * shape.power[k];
    shape.slope += shape.weight[k] * shape.d_power[k];
  }
  return shape;
}

bool HasEnds(std::span<const float> parameters) { return parameters.size() > kNoiseShape; }

double RangeOf(std::span<const float> parameters) {
  return HasEnds(parameters) ? kRange * PortableExp(parameters[kNoiseShape + 1]) : kRange;
}

// The key of a step's streams, drawn so that they are unrelated to those of others.
uint64_t SeedOf(const NoiseKey& key) {
  RandomStream stream(key.seed, Purpose::kDiffusion, static_cast<uint64_t>(key.job), key.step);
  const uint64_t high = stream.NextBits();
  return high << 32 | stream.NextBits();
}

}  // namespace

NoiseLevel CosineNoise(double t) {
  constexpr double kRate = std::numbers::pi / 2 / (1 + kOffset);
  const double angle = (1 - t + kOffset) * kRate;
  // At t = 0 the cosine is 0 but for rounding; a share of 1e-33 would only make noise of it.
  const double cosine = t <= 0 ? 0 : PortableCos(angle), sine = PortableSin(angle);
  return {cosine * cosine, sine * sine, 2 * kRate * cosine / (sine * sine * sine)};
}

LearnedNoise LearnedNoiseAt(std::span<const float> parameters, double t) {
  const Shape shape = ShapeAt(parameters, t);
  LearnedNoise level;
  const double start = HasEnds(parameters) ? kFirstGamma + parameters[kNoiseShape] : kFirstGamma;
  level.gamma = start - RangeOf(parameters) * shape.value;
  level.gamma_slope = -RangeOf(parameters) * shape.slope;
  level.signal = 1 / (1 + PortableExp(level.gamma));
  level.noise = 1 / (1 + PortableExp(-level.gamma));
  level.snr_slope = -level.gamma_slope * PortableExp(-level.gamma);
  return level;
}

void AddNoiseGradient(std::span<const float> parameters, double t, double at_gamma,
                      double at_gamma_slope, std::span<double> gradient) {
  const Shape shape = ShapeAt(parameters, t);
  const double range = RangeOf(parameters);
  for (int k = 0; k < kPowers; ++k) {
    gradient[k] -= range * shape.weight[k] *
                   (at_gamma * (shape.power[k] - shape.value) +
                    at_gamma_slope * (shape.d_power[k] - shape.slope));
  }
  if (!HasEnds(parameters)) return;
  gradient[kNoiseShape] += at_gamma;
  gradient[kNoiseShape + 1] -= range * (at_gamma * shape.value + at_gamma_slope * shape.slope);
}

NoiseStep StepBetween(const NoiseLevel& from, const NoiseLevel& to) {
  const double alpha = from.signal / to.signal;
  return {std::sqrt(to.signal) * (1 - alpha) / from.noise, std::sqrt(alpha) * to.noise / from.noise,
          to.noise * (1 - alpha) / from.noise};
}

double PriorDivergence(const NoiseLevel& start, double square, int64_t dimension) {
  const auto d = static_cast<double>(dimension);
  return 0.5 * (start.signal * square - d * start.signal - d * PortableLog(start.noise));
}

void DrawNoise(const NoiseKey& key, std::span<const int64_t> ids, int64_t dimension, float* out) {
  const uint64_t seed = SeedOf(key);
  for (size_t row = 0; row < ids.size(); ++row) {
    RandomStream stream(seed, Purpose::kDiffusion, static_cast<uint64_t>(ids[row]));
    stream.FillNormals(
        {out + static_cast<int64_t>(row) * dimension, static_cast<size_t>(dimension)});
  }
}

void DrawTimes(const NoiseKey& key, std::span<const int64_t> ids, double* out) {
  const uint64_t seed = SeedOf(key);
  for (size_t row = 0; row < ids.size(); ++row) {
    out[row] =
        RandomStream(seed, Purpose::kDiffusion, static_cast<uint64_t>(ids[row])).NextUniform();
  }
}

}  // namespace gradloom
