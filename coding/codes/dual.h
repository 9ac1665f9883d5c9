// The dual construction: an exact code for any support in which every chunk has s + 1 owners.
//
// C is an (s+1) x n Gaussian matrix. Chunk j with owners W_j: B[W_j, j] = C[:, W_j]^-1 1, so that
// C B = 1 1^T. With slots S lost, |S| <= s, some lambda has lambda^T C_S = 0, and a = lambda^T C /
// sum(lambda) decodes. (Decoding itself uses the equivalent null-space method.) C is drawn a dozen
// times, and the draw whose amplification over sampled straggler sets has the lowest 90th
// percentile is kept (draws differ by factors of 50).
#ifndef GRADLOOM_CODING_CODES_DUAL_H_
#define GRADLOOM_CODING_CODES_DUAL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "coding/code.h"
#include "coding/codes/code_table.h"

namespace gradloom {

struct DualSupport {
  int slots = 1;
  int64_t denominator = 1;
  std::vector<Chunk> chunks = {};
  std::vector<std::vector<int>> owners = {};  // per chunk: s + 1 distinct slots, ascending
};

// Every slot owns a chunk. `name` is of static storage duration.
std::unique_ptr<GradientCode> MakeDualCode(absl::string_view name, const DualSupport& support,
                                           int s, uint64_t seed);

// Slot i holds chunks i .. i+s (mod n) of n.
std::unique_ptr<GradientCode> MakeDual(const CodeParameters& valid);
extern const CodeKind kDualCode;

// Loads proportional to throughput: slot i computes min(1, theta c_i) of the data, with theta such
// that the loads sum to s + 1. The loads are laid end to end around the data as around a circle,
// s + 1 times (McNaughton's wrap-around rule); the ends cut it into at most n chunks, of unequal
// size, each with s + 1 owners. Throughputs below 1/1000 of the mean count as that.
std::unique_ptr<GradientCode> MakeDualBalanced(const CodeParameters& valid);
extern const CodeKind kDualBalancedCode;

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_DUAL_H_
