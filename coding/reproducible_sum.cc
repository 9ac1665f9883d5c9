#include "coding/reproducible_sum.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

constexpr int8_t kEmpty = std::numeric_limits<int8_t>::min();

// Grid of bin b: multiples of 2^(b W).
double Quantum(int bin) { return std::ldexp(1.0, bin * ReproducibleSum::kBinBits); }

// The smallest bin b with magnitude < 2^((b+1) W - 1): slices on grid b stay below 2^(W-1) quanta,
// and on a grid one bin higher or more the value itself would round to zero.
int8_t BinOf(float magnitude) {
  constexpr int kLowest = -4;  // its quantum, 2^-152, is below every subnormal
  if (magnitude == 0) return kLowest;
  const int bits = std::ilogb(magnitude) + 2;
  const int w = ReproducibleSum::kBinBits;
  const int bins = bits > 0 ? (bits + w - 1) / w : -(-bits / w);  // ceil(bits / w)
  return static_cast<int8_t>(bins - 1);
}

// Without fused multiply-add (-ffp-contract=off) every clone gives the same bits.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define GRADLOOM_CLONES __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#else
#define GRADLOOM_CLONES
#endif

// Largest magnitude; NaN when any value is NaN. Branch-free so that it vectorises: integer order of
// the bit patterns without sign is the order of magnitudes, NaN above infinity.
GRADLOOM_CLONES float MaxMagnitude(const float* values, size_t count) {
  uint32_t largest = 0;
  for (size_t i = 0; i < count; ++i) {
    uint32_t bits;
    __builtin_memcpy(&bits, values + i, sizeof bits);
    bits &= 0x7fffffffu;
    largest = std::max(largest, bits);
  }
  float magnitude;
  __builtin_memcpy(&magnitude, &largest, sizeof magnitude);
  return magnitude;
}

// x rounded to the grid q is (x + magic) - magic with magic = 1.5 * 2^52 q: one rounding to
// nearest, ties to even, for |x| < 2^51 q.
double Magic(double quantum) { return 1.5 * 0x1p52 * quantum; }

GRADLOOM_CLONES void AddSlices(const float* values, size_t count, double coarse, double fine,
                               double* high, double* low) {
  for (size_t i = 0; i < count; ++i) {
    const double value = values[i];
    const double slice = (value + coarse) - coarse;
    high[i] += slice;
    low[i] += ((value - slice) + fine) - fine;
  }
}

// The first addend of a block: nothing is read.
GRADLOOM_CLONES void SetSlices(const float* values, size_t count, double coarse, double fine,
                               double* high, double* low) {
  for (size_t i = 0; i < count; ++i) {
    const double value = values[i];
    const double slice = (value + coarse) - coarse;
    high[i] = slice;
    low[i] = ((value - slice) + fine) - fine;
  }
}

// Rounds a block, see Round(). Without branches, so that it vectorises.
GRADLOOM_CLONES void RoundBlock(const double* high, const double* low, size_t count, double quantum,
                                double inverse, float* out) {
  for (size_t i = 0; i < count; ++i) {
    const double carry = std::floor(low[i] * inverse) * quantum;
    out[i] = static_cast<float>((high[i] + carry) + (low[i] - carry));
  }
}

}  // namespace

ReproducibleSum::ReproducibleSum(size_t length)
    : length_(length),
      // Not initialised, so that pages are touched when a block gets its first addend.
      high_(new double[length]),
      low_(new double[length]),
      bin_((length + kBlock - 1) / kBlock, kEmpty) {}

absl::Status ReproducibleSum::Add(size_t offset, std::span<const float> values) {
  if (offset % kBlock != 0 || offset + values.size() > length_ ||
      (values.size() % kBlock != 0 && offset + values.size() != length_)) {
    return absl::InvalidArgumentError(
        absl::StrCat("elements [", offset, ", ", offset + values.size(),
                     ") are not whole blocks of ", kBlock, " of a vector of ", length_));
  }
  // First the check alone, so that a bad value leaves the sum untouched.
  for (size_t start = 0; start < values.size(); start += kBlock) {
    const size_t count = std::min(kBlock, values.size() - start);
    if (std::isfinite(MaxMagnitude(values.data() + start, count))) continue;
    size_t bad = start;
    while (std::isfinite(values[bad])) ++bad;
    return absl::InvalidArgumentError(
        absl::StrCat("element ", offset + bad, " is ", values[bad], ", not a finite number"));
  }
  for (size_t start = 0; start < values.size(); start += kBlock) {
    const size_t count = std::min(kBlock, values.size() - start);
    const float* x = values.data() + start;
    double* high = high_.get() + offset + start;
    double* low = low_.get() + offset + start;
    int8_t& bin = bin_[(offset + start) / kBlock];
    const int8_t needed = BinOf(MaxMagnitude(x, count));
    if (bin == kEmpty) {
      bin = needed;
      SetSlices(x, count, Magic(Quantum(bin)), Magic(Quantum(bin - 1)), high, low);
      continue;
    }
    if (needed > bin) {
      // One bin up, the coarse slices are the fine ones: they are the addends rounded to that grid.
      // Two or more up, every addend so far would have rounded to zero on both grids.
      if (needed == bin + 1) {
        std::copy_n(high, count, low);
      } else {
        std::fill_n(low, count, 0.0);
      }
      std::fill_n(high, count, 0.0);
      bin = needed;
    }
    AddSlices(x, count, Magic(Quantum(bin)), Magic(Quantum(bin - 1)), high, low);
  }
  return absl::OkStatus();
}

void ReproducibleSum::Round(size_t offset, std::span<float> out) const {
  for (size_t done = 0; done < out.size();) {
    const size_t element = offset + done;
    const size_t count = std::min(kBlock - element % kBlock, out.size() - done);
    const int8_t bin = bin_[element / kBlock];
    if (bin == kEmpty) {
      std::fill_n(out.data() + done, count, 0.0f);
    } else {
      // The same total may be split differently between the grids, depending on when the block
      // moved up. Carry so that 0 <= low < one coarse quantum, which is unique.
      const double quantum = Quantum(bin);
      RoundBlock(high_.get() + element, low_.get() + element, count, quantum, 1 / quantum,
                 out.data() + done);
    }
    done += count;
  }
}

void ReproducibleSum::Clear() { std::fill(bin_.begin(), bin_.end(), kEmpty); }

}  // namespace gradloom
