#include "models/workloads/bilevel/problem.h"

#include <bit>
#include <cmath>

namespace gradloom {

double Dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double BilevelRow::Dot(std::span<const double> y) const {
  double sum = 0;
  if (columns.empty()) {
    for (size_t j = 0; j < values.size(); ++j) sum += values[j] * y[j];
  } else {
    for (size_t j = 0; j < values.size(); ++j) sum += values[j] * y[columns[j]];
  }
  return sum;
}

void BilevelRow::AddTo(double by, std::span<double> y) const {
  if (columns.empty()) {
    for (size_t j = 0; j < values.size(); ++j) y[j] += by * values[j];
  } else {
    for (size_t j = 0; j < values.size(); ++j) y[columns[j]] += by * values[j];
  }
}

void AddOuter(const BilevelRow& row, double w, std::span<double> hessian) {
  const auto column = [&row](size_t j) {
    return row.columns.empty() ? static_cast<int64_t>(j) : int64_t{row.columns[j]};
  };
  for (size_t i = 0; i < row.values.size(); ++i) {
    const int64_t r = column(i);
    const double scaled = w * row.values[i];
    for (size_t j = 0; j < row.values.size(); ++j) {
      const int64_t c = column(j);
      if (c <= r) hessian[r * (r + 1) / 2 + c] += scaled * row.values[j];
    }
  }
}

void AddOuter(std::span<const double> a, double w, std::span<double> hessian) {
  size_t at = 0;
  for (size_t r = 0; r < a.size(); ++r) {
    for (size_t c = 0; c <= r; ++c) hessian[at++] += w * a[r] * a[c];
  }
}

// exp(x) = 2^n exp(r), |r| <= ln(2) / 2, with exp(r) by Taylor's series (truncation 4e-18).
double ExpOf(double x) {
  if (std::isnan(x)) return x;
  if (x > 709.7) return HUGE_VAL;
  if (x < -708) return 0;
  constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it leaves the nearest integer
  const double n = (x * 1.4426950408889634 + kRound) - kRound;
  const double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  double p = 1;
  for (int k = 14; k >= 1; --k) p = 1 + p * r / k;
  // 2^1024 is not a double; 2 * 2^1023 may be, times p < 1.
  return p * 2 * std::bit_cast<double>((static_cast<int64_t>(n) + 1022) << 52);
}

double SigmoidOf(double x) {
  const double e = ExpOf(-std::abs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}

double TanhOf(double x) {
  const double e = ExpOf(-2 * std::abs(x));
  return std::copysign((1 - e) / (1 + e), x);
}

LogisticLoss LogisticLossAt(double margin) {
  const double e = ExpOf(-std::abs(margin));
  // log(1 + e) = 2 atanh(e / (2 + e)); the argument is at most 1/3, so 17 terms reach 1e-17.
  const double u = e / (2 + e);
  double series = 0;
  for (int k = 33; k >= 1; k -= 2) series = series * u * u + 1.0 / k;
  LogisticLoss loss;
  loss.value = 2 * u * series + (margin < 0 ? -margin : 0);
  loss.s = margin < 0 ? 1 / (1 + e) : e / (1 + e);
  loss.k = e / ((1 + e) * (1 + e));
  return loss;
}

}  // namespace gradloom
