#include "coding/reproducible_sum.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace gradloom {
namespace {

// Grid of bin b: multiples of 2^(b W).
double Quantum(int bin) {
  return std::bit_cast<double>(int64_t{1023 + bin * ReproducibleSum::kBinBits} << 52);
}

// Without fused multiply-add (-ffp-contract=off) every clone gives the same bits.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define GRADLOOM_CLONES __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#else
#define GRADLOOM_CLONES
#endif

// Bit patterns without sign of the largest magnitude and, less one, of the smallest that is not
// zero (all ones when there is none). Branch-free so that it vectorises: the integer order of the
// patterns is the order of magnitudes, NaN above infinity; zero less one wraps around.
GRADLOOM_CLONES void Magnitudes(const float* values, size_t count, uint32_t* largest,
                                uint32_t* smallest_less_1) {
  uint32_t most = 0;
  uint32_t least = ~0u;
  for (size_t i = 0; i < count; ++i) {
    uint32_t bits;
    __builtin_memcpy(&bits, values + i, sizeof bits);
    bits &= 0x7fffffffu;
    most = std::max(most, bits);
    least = std::min(least, bits - 1);
  }
  *largest = most;
  *smallest_less_1 = least;
}

// floor(log2) of a float's magnitude, from its pattern; at least that of the smallest normal
// number.
int Exponent(uint32_t bits) { return std::max<int>(1, static_cast<int>(bits >> 23)) - 127; }

// x rounded to the grid q is (x + magic) - magic with magic = 1.5 * 2^52 q: one rounding to
// nearest, ties to even, for |x| < 2^51 q.
double Magic(double quantum) { return 1.5 * 0x1p52 * quantum; }

// Some elements at a time, whose sums stay in registers.
GRADLOOM_CLONES void AddSlices(const float* const* addends, size_t addend_count, size_t count,
                               double coarse, double fine, double* high, double* low) {
  constexpr size_t kStep = 8;
  size_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    double highs[kStep];
    double lows[kStep];
    for (size_t j = 0; j < kStep; ++j) highs[j] = high[i + j];
    for (size_t j = 0; j < kStep; ++j) lows[j] = low[i + j];
    for (size_t k = 0; k < addend_count; ++k) {
      const float* values = addends[k] + i;
      for (size_t j = 0; j < kStep; ++j) {
        const double value = values[j];
        const double slice = (value + coarse) - coarse;
        highs[j] += slice;
        lows[j] += ((value - slice) + fine) - fine;
      }
    }
    for (size_t j = 0; j < kStep; ++j) high[i + j] = highs[j];
    for (size_t j = 0; j < kStep; ++j) low[i + j] = lows[j];
  }
  for (; i < count; ++i) {
    for (size_t k = 0; k < addend_count; ++k) {
      const double value = addends[k][i];
      const double slice = (value + coarse) - coarse;
      high[i] += slice;
      low[i] += ((value - slice) + fine) - fine;
    }
  }
}

GRADLOOM_CLONES void AddPlainly(const float* const* addends, size_t addend_count, size_t count,
                                float* out) {
  constexpr size_t kStep = 16;
  size_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    double sums[kStep] = {};
    for (size_t k = 0; k < addend_count; ++k) {
      const float* values = addends[k] + i;
      for (size_t j = 0; j < kStep; ++j) sums[j] += values[j];
    }
    for (size_t j = 0; j < kStep; ++j) out[i + j] = static_cast<float>(sums[j]);
  }
  for (; i < count; ++i) {
    double sum = 0;
    for (size_t k = 0; k < addend_count; ++k) sum += addends[k][i];
    out[i] = static_cast<float>(sum);
  }
}

// Without branches, so that it vectorises.
GRADLOOM_CLONES void RoundSlices(const double* __restrict high, const double* __restrict low,
                                 size_t count, double quantum, double inverse,
                                 float* __restrict out) {
  for (size_t i = 0; i < count; ++i) {
    const double carry = std::floor(low[i] * inverse) * quantum;
    out[i] = static_cast<float>((high[i] + carry) + (low[i] - carry));
  }
}

}  // namespace

void ReproducibleSum::Range::Include(const Range& other) {
  bin = std::max(bin, other.bin);
  lowest = std::min(lowest, other.lowest);
  above = std::max(above, other.above);
}

ReproducibleSum::Range ReproducibleSum::RangeOf(std::span<const float> values) {
  constexpr Bin kLowest = -4;  // its quantum, 2^-152, is below every subnormal
  constexpr uint32_t kInfinity = 0x7f800000u;
  uint32_t largest, smallest_less_1;
  Magnitudes(values.data(), values.size(), &largest, &smallest_less_1);
  Range range;
  range.bin = kLowest;
  if (largest == 0) return range;
  if (largest >= kInfinity) {
    range.bin = kNotFinite;
    return range;
  }
  range.lowest = static_cast<int16_t>(Exponent(smallest_less_1 + 1) - 23);
  range.above = static_cast<int16_t>(Exponent(largest) + 1);
  // The smallest bin b with magnitude < 2^((b+1) W - 1): slices on grid b stay below 2^(W-1)
  // quanta, and on a grid one bin higher or more the value itself would round to zero.
  const int bits = range.above + 1;
  const int bins = bits > 0 ? (bits + kBinBits - 1) / kBinBits : -(-bits / kBinBits);  // ceil
  range.bin = static_cast<Bin>(bins - 1);
  return range;
}

bool ReproducibleSum::PlainSumIsExact(const Range& range, int64_t addends) {
  const int sum_above = range.above + std::bit_width(static_cast<uint64_t>(addends));
  return range.lowest >= (range.bin - 1) * kBinBits && sum_above - range.lowest <= 53;
}

void ReproducibleSum::PlainSum(std::span<const float* const> addends, std::span<float> out) {
  AddPlainly(addends.data(), addends.size(), out.size(), out.data());
}

void ReproducibleSum::MoveUp(Bin needed) {
  if (needed <= bin_) return;
  // One bin up, the coarse slices are the fine ones: they are the addends rounded to that grid.
  // Two or more up, every addend so far would have rounded to zero on both grids.
  if (bin_ != kEmpty && needed == bin_ + 1) {
    std::copy(high_.begin(), high_.end(), low_.begin());
  } else {
    std::fill(low_.begin(), low_.end(), 0.0);
  }
  std::fill(high_.begin(), high_.end(), 0.0);
  bin_ = needed;
}

void ReproducibleSum::Add(std::span<const float* const> addends) {
  AddSlices(addends.data(), addends.size(), high_.size(), Magic(Quantum(bin_)),
            Magic(Quantum(bin_ - 1)), high_.data(), low_.data());
}

void ReproducibleSum::Round(std::span<float> out) const {
  if (bin_ == kEmpty) {
    std::fill(out.begin(), out.end(), 0.0f);
    return;
  }
  // The same total may be split differently between the grids, depending on when the block moved
  // up. Carry so that 0 <= low < one coarse quantum, which is unique.
  const double quantum = Quantum(bin_);
  RoundSlices(high_.data(), low_.data(), out.size(), quantum, 1 / quantum, out.data());
}

}  // namespace gradloom
