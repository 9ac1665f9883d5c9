// The noise of NoProp (Li, Teh and Pascanu, "NoProp: training neural networks without
// back-propagation or forward-propagation", 2025), and where it is drawn.
//
// At time t in [0, 1] an embedding u is seen as z_t = sqrt(abar) u + sqrt(1 - abar) eps, eps ~
// N(0, I): abar(t), the signal's share, rises from about 0 (nothing but noise) to about 1.
// SNR = abar / (1 - abar). Everything here is of IEEE operations only: same bits on every replica.
#ifndef GRADLOOM_MODELS_WORKLOADS_NOPROP_NOISE_H_
#define GRADLOOM_MODELS_WORKLOADS_NOPROP_NOISE_H_

#include <cstdint>
#include <span>

namespace gradloom {

struct NoiseLevel {
  double signal = 0;     // abar
  double noise = 1;      // 1 - abar, without cancellation
  double snr_slope = 0;  // SNR'(t)
};
inline double Snr(const NoiseLevel& level) { return level.signal / level.noise; }

// abar = cos^2((1 - t + 0.008) / 1.008 * pi / 2).
NoiseLevel CosineNoise(double t);

// SNR = exp(-gamma), gamma(t) = gamma_0 - range * sum over k of softmax(w)_k t^k, k = 1 .. 4: falls
// whatever the parameters. They are w and, where its ends are learned as well, an offset of gamma_0
// and the logarithm of a factor of the range; all zero at first, which is gamma from 7 to -7.
inline constexpr int64_t kNoiseShape = 4;
inline constexpr int64_t kNoiseShapeAndEnds = kNoiseShape + 2;
struct LearnedNoise : NoiseLevel {
  double gamma = 0;
  double gamma_slope = 0;
};
LearnedNoise LearnedNoiseAt(std::span<const float> parameters, double t);
// Adds the gradient of a loss at gamma(t) and at gamma'(t).
void AddNoiseGradient(std::span<const float> parameters, double t, double at_gamma,
                      double at_gamma_slope, std::span<double> gradient);

// One step of inference towards less noise: z' = estimate * a + z * b + sqrt(c) eps is distributed
// as z_t is, if z was and the estimate is u. It is q(z_t | z_s, u), s < t, hence for any step size
// also the exact solution of the variants' stochastic differential equation
//   dz = [abar' / (sqrt(abar) (1 - abar)) u - abar' (1 + abar) / (2 abar (1 - abar)) z] dt
//        + sqrt(abar' / abar) dW.
// a^2 / c = SNR(t) - SNR(s).
struct NoiseStep {
  double estimate = 0;  // a
  double kept = 0;      // b
  double variance = 0;  // c
};
NoiseStep StepBetween(const NoiseLevel& from, const NoiseLevel& to);

// KL(q(z_0 | y) || N(0, I)) for an embedding of squared length `square`.
double PriorDivergence(const NoiseLevel& start, double square, int64_t dimension);

// Draws keyed by (seed, job, step, example), the same in every replica and however examples are cut
// into chunks. Inference: job kInferenceJob, the example's number in the test set.
inline constexpr int64_t kInferenceJob = -1;
struct NoiseKey {
  uint64_t seed = 0;
  int64_t job = 0;
  uint32_t step = 0;
};
inline constexpr uint32_t kTimeStep = 0xffffffff;  // the step of what is no noise: times
// N(0, 1), ids.size() x dimension.
void DrawNoise(const NoiseKey& key, std::span<const int64_t> ids, int64_t dimension, float* out);
// Uniform on [0, 1).
void DrawTimes(const NoiseKey& key, std::span<const int64_t> ids, double* out);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_NOPROP_NOISE_H_
