// Activation functions of one instruction-set level. Each is a fixed sequence of IEEE operations on
// one element (no library call, no contraction, no branch), so vectorising a loop and its scalar
// tail gives the same bits, at every level.
#include "models/kernels/level.h"

namespace gradloom::GRADLOOM_LEVEL {
namespace {

int32_t BitsOf(float x) { return __builtin_bit_cast(int32_t, x); }
float FloatOf(int32_t x) { return __builtin_bit_cast(float, x); }

// exp(x) = 2^n exp(r), |r| <= ln(2) / 2, with exp(r) by Taylor's series (truncation 6e-9).
float ExpOf(float x) {
  x = x < -87.33f ? -87.33f : x;
  x = x > 88.72f ? 88.72f : x;
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer
  const float shifted = x * 1.44269504f + kRound;
  const int32_t n = BitsOf(shifted) - BitsOf(kRound);
  const float whole = shifted - kRound;
  const float r = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;  // ln 2 in two parts
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  // In two steps, since 2^128 is not a float.
  return p * 2.0f * FloatOf((n + 126) << 23);
}

float SigmoidOf(float x) {
  const float e = ExpOf(-__builtin_fabsf(x));
  const float small = e / (1.0f + e);
  return x < 0 ? small : 1.0f - small;
}

// Taylor's series near 0, where (1 - e) / (1 + e) would cancel.
float TanhOf(float x) {
  const float size = __builtin_fabsf(x);
  const float e = ExpOf(-2.0f * size);
  const float large = __builtin_copysignf((1.0f - e) / (1.0f + e), x);
  const float s = x * x;
  float p = -1382.0f / 155925;
  p = p * s + 62.0f / 2835;
  p = p * s - 17.0f / 315;
  p = p * s + 2.0f / 15;
  p = p * s - 1.0f / 3;
  p = p * s * x + x;
  return size < 0.35f ? p : large;
}

// The normal distribution function, by Abramowitz and Stegun's formula 7.1.26 for erf,
// error 1.5e-7.
float NormalBelow(float x) {
  const float z = __builtin_fabsf(x) * 0.70710678f;
  const float t = 1.0f / (1.0f + 0.3275911f * z);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const float tail = 0.5f * p * t * ExpOf(-z * z);
  return x < 0 ? tail : 1.0f - tail;
}

float GeluSlope(float x) { return NormalBelow(x) + x * 0.39894228f * ExpOf(-0.5f * x * x); }

// Far out, where it is 0, x * x must not become infinite.
float GeluCurvature(float x) {
  float size = __builtin_fabsf(x);
  size = size > 15.0f ? 15.0f : size;
  const float square = size * size;
  return (2.0f - square) * 0.39894228f * ExpOf(-0.5f * square);
}

}  // namespace

void Exp(int64_t n, const float* x, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = ExpOf(x[i]);
}

void Activate(ActivationKind kind, int64_t n, const float* x, float* y) {
  switch (kind) {
    case ActivationKind::kIdentity:
      for (int64_t i = 0; i < n; ++i) y[i] = x[i];
      return;
    case ActivationKind::kRelu:
      for (int64_t i = 0; i < n; ++i) y[i] = x[i] < 0 ? 0.0f : x[i];  // keeps NaN
      return;
    case ActivationKind::kTanh:
      for (int64_t i = 0; i < n; ++i) y[i] = TanhOf(x[i]);
      return;
    case ActivationKind::kGelu:
      for (int64_t i = 0; i < n; ++i) y[i] = x[i] * NormalBelow(x[i]);
      return;
    case ActivationKind::kSigmoid:
      for (int64_t i = 0; i < n; ++i) y[i] = SigmoidOf(x[i]);
      return;
  }
}

void ActivateBackward(ActivationKind kind, int64_t n, const float* x, const float* y,
                      const float* dy, float* dx) {
  switch (kind) {
    case ActivationKind::kIdentity:
      for (int64_t i = 0; i < n; ++i) dx[i] = dy[i];
      return;
    case ActivationKind::kRelu:
      for (int64_t i = 0; i < n; ++i) dx[i] = y[i] > 0 ? dy[i] : 0.0f;
      return;
    case ActivationKind::kTanh:
      for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] * (1.0f - y[i] * y[i]);
      return;
    case ActivationKind::kGelu:
      for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] * GeluSlope(x[i]);
      return;
    case ActivationKind::kSigmoid:
      for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] * (y[i] * (1.0f - y[i]));
      return;
  }
}

void AddCurvature(ActivationKind kind, int64_t n, const float* x, const float* y, const float* dy,
                  const float* tx, float* z) {
  switch (kind) {
    case ActivationKind::kIdentity:
    case ActivationKind::kRelu:
      return;
    case ActivationKind::kTanh:
      for (int64_t i = 0; i < n; ++i) {
        z[i] += dy[i] * tx[i] * (-2.0f * y[i] * (1.0f - y[i] * y[i]));
      }
      return;
    case ActivationKind::kGelu:
      for (int64_t i = 0; i < n; ++i) z[i] += dy[i] * tx[i] * GeluCurvature(x[i]);
      return;
    case ActivationKind::kSigmoid:
      for (int64_t i = 0; i < n; ++i) {
        z[i] += dy[i] * tx[i] * (y[i] * (1.0f - y[i]) * (1.0f - 2.0f * y[i]));
      }
      return;
  }
}

}  // namespace gradloom::GRADLOOM_LEVEL
