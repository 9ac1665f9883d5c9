// Order-free summation of float vectors: the result depends on the set of addends only, bit for
// bit, whatever order (and interleaving of blocks) they are added in. No scale to agree upon, no
// overflow, for every finite input.
//
// Each block of kBlock elements keeps, per element, two doubles: the sum of the addends' slices on
// a coarse grid 2^(b W) and on the next finer one 2^((b-1) W), where b is the smallest bin that
// holds the largest magnitude of the block over all addends. Slices are exact and small enough that
// up to kMaxAddends of them add without rounding, so addition commutes; when a larger magnitude
// arrives the block moves up one bin and drops what the finer grid below would never have kept.
// The idea is that of Demmel and Nguyen's binned (indexed) summation, "Parallel Reproducible
// Summation", IEEE Trans. Computers 2015, with blocks instead of scalars.
//
// Error: each addend is rounded once, by at most 2^-W of the block's largest magnitude; the
// final sum is rounded once to float. Memory: 16 bytes an element.
#ifndef GRADLOOM_CODING_REPRODUCIBLE_SUM_H_
#define GRADLOOM_CODING_REPRODUCIBLE_SUM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"

namespace gradloom {

class ReproducibleSum {
 public:
  static constexpr size_t kBlock = 1024;  // elements
  static constexpr int kBinBits = 38;     // W
  static constexpr int64_t kMaxAddends = 1 << 15;

  explicit ReproducibleSum(size_t length);

  size_t length() const { return length_; }
  // Adds `values` to elements [offset, offset + values.size()). offset must be a multiple of
  // kBlock, and values.size() too unless it reaches the end. InvalidArgument, with nothing added,
  // when a value is NaN or infinite (names the element). Calls for disjoint blocks may run
  // concurrently.
  absl::Status Add(size_t offset, std::span<const float> values);
  // Rounds elements [offset, offset + out.size()) of the sum to float.
  void Round(size_t offset, std::span<float> out) const;
  // Sets every element to zero, for the next job.
  void Clear();

 private:
  size_t length_;
  std::unique_ptr<double[]> high_;
  std::unique_ptr<double[]> low_;
  std::vector<int8_t> bin_;  // per block; kEmpty before the first addend
};

}  // namespace gradloom

#endif  // GRADLOOM_CODING_REPRODUCIBLE_SUM_H_
