#include "models/portable_math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace gradloom {
namespace {

constexpr double kHalfPiHigh = 1.5707963267341256;     // 33 bits: k * kHalfPiHigh is exact
constexpr double kHalfPiLow = 6.0771005065061922e-11;  // pi / 2 - kHalfPiHigh

// Taylor series on [-pi/4, pi/4]; the terms left out are below 2e-17.
double SinSeries(double x) {
  const double q = x * x;
  double sum = 0;
  for (int n = 17; n >= 3; n -= 2) sum = (sum + 1) * (-q / (n * (n - 1)));
  return x * (1 + sum);
}
double CosSeries(double x) {
  const double q = x * x;
  double sum = 0;
  for (int n = 18; n >= 2; n -= 2) sum = (sum + 1) * (-q / (n * (n - 1)));
  return 1 + sum;
}

// sin(x + quarters * pi / 2)
double SinOf(double x, int64_t quarters) {
  const double turns = std::floor(x / (kHalfPiHigh + kHalfPiLow) + 0.5);
  const double rest = (x - turns * kHalfPiHigh) - turns * kHalfPiLow;
  switch ((static_cast<int64_t>(turns) + quarters) & 3) {
    case 0:
      return SinSeries(rest);
    case 1:
      return CosSeries(rest);
    case 2:
      return -SinSeries(rest);
    default:
      return -CosSeries(rest);
  }
}

}  // namespace

// x = 2^e m with m around 1, log m = 2 artanh((m-1)/(m+1)) by its series.
double PortableLog(double x) {
  auto bits = std::bit_cast<uint64_t>(x);
  constexpr uint64_t kRootHalf = 0x3fe6a09e667f3bcd;  // sqrt(1/2)
  const auto exponent = static_cast<int64_t>(bits - kRootHalf) >> 52;
  bits -= static_cast<uint64_t>(exponent) << 52;
  const double m = std::bit_cast<double>(bits);
  const double s = (m - 1) / (m + 1);
  const double q = s * s;
  const double series =
      1 + q * (1.0 / 3 + q * (1.0 / 5 + q * (1.0 / 7 + q * (1.0 / 9 + q * (1.0 / 11)))));
  return static_cast<double>(exponent) * 0.6931471805599453 + 2 * s * series;
}

// x = k log 2 + r; exp(r) by its Taylor series on |r| <= log(2) / 2.
double PortableExp(double x) {
  if (x < -700) return 0;
  if (x > 700) return std::numeric_limits<double>::infinity();
  if (x != x) return x;
  constexpr double kLog2High = 0.69314718036912382;  // 33 bits
  constexpr double kLog2Low = 1.9082149292705877e-10;
  const double k = std::floor(x / (kLog2High + kLog2Low) + 0.5);
  const double r = (x - k * kLog2High) - k * kLog2Low;
  double sum = 1;
  for (int n = 14; n >= 1; --n) sum = 1 + r / n * sum;
  const auto power = static_cast<uint64_t>(static_cast<int64_t>(k) + 1023) << 52;
  return sum * std::bit_cast<double>(power);
}

double PortableSin(double x) { return SinOf(x, 0); }
double PortableCos(double x) { return SinOf(x, 1); }

}  // namespace gradloom
