// Order-free summation of float vectors: the result depends on the set of addends only, bit for
// bit, whatever order (and interleaving of blocks) they are added in, and whether they are added
// one by one or several at once. No scale to agree upon, no overflow, for every finite input.
//
// Each block of kBlock elements keeps, per element, two doubles: the sum of the addends' slices on
// a coarse grid 2^(b W) and on the next finer one 2^((b-1) W), where b is the smallest bin that
// holds the largest magnitude of the block over all addends. Slices are exact and small enough that
// up to kMaxAddends of them add without rounding, so addition commutes; when a larger magnitude
// arrives the block moves up to its bin and drops what the finer grid below would never have kept.
// The idea is that of Demmel and Nguyen's binned (indexed) summation, "Parallel Reproducible
// Summation", IEEE Trans. Computers 2015, with blocks instead of scalars.
//
// Error: each addend is rounded once, by at most 2^-W of the block's largest magnitude; the
// final sum is rounded once to float. Memory: 16 bytes an element, which the caller owns.
#ifndef GRADLOOM_CODING_REPRODUCIBLE_SUM_H_
#define GRADLOOM_CODING_REPRODUCIBLE_SUM_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace gradloom {

// The sum of one block, or of a piece of it: every piece of a block must be given the block's bins.
// Borrows its memory. Not thread-safe.
class ReproducibleSum {
 public:
  static constexpr size_t kBlock = 1024;  // elements; the last block of a vector may have fewer
  static constexpr int kBinBits = 38;     // W
  static constexpr int64_t kMaxAddends = 1 << 15;

  using Bin = int8_t;
  static constexpr Bin kEmpty = std::numeric_limits<Bin>::min();  // no addend yet; the lowest
  static constexpr Bin kNotFinite = std::numeric_limits<Bin>::max();
  // What of a block's values decides how they are added.
  struct Range {
    Bin bin = kEmpty;       // that they need; kNotFinite when some value is NaN or infinite
    int16_t lowest = 2000;  // every value is a multiple of 2^lowest
    int16_t above = -2000;  // and of magnitude below 2^above
    void Include(const Range& other);
  };
  static Range RangeOf(std::span<const float> values);
  // Whether neither the grids nor double precision round any of `addends` values in the range, or
  // any sum of them: then plain sums in double precision, in any order, have the bits of this one.
  static bool PlainSumIsExact(const Range& range, int64_t addends);
  // That sum, of addends of out's length, one of which `out` may be.
  static void PlainSum(std::span<const float* const> addends, std::span<float> out);

  // `high` and `low`, of one length, hold the sum; nothing is read from them while bin is kEmpty.
  ReproducibleSum(std::span<double> high, std::span<double> low, Bin bin = kEmpty)
      : high_(high), low_(low), bin_(bin) {}

  Bin bin() const { return bin_; }
  std::span<const double> high() const { return high_; }
  std::span<const double> low() const { return low_; }
  // Makes room for addends that need bin `needed`; never moves down. From kEmpty it sets all to
  // zero.
  void MoveUp(Bin needed);
  // Adds vectors of as many values as there are elements; their blocks' bins must be at most bin().
  void Add(std::span<const float* const> addends);
  // The sum's elements, rounded to float.
  void Round(std::span<float> out) const;

 private:
  std::span<double> high_;
  std::span<double> low_;
  Bin bin_;
};

}  // namespace gradloom

#endif  // GRADLOOM_CODING_REPRODUCIBLE_SUM_H_
