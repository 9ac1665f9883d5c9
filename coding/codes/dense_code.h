// Exact codes given by a general real matrix B, decoded by the null-space method: cyclic
// repetition and the dual construction.
//
// Rows are divided by their norms r_i = sqrt(sum_j f_j B(i,j)^2) before factorising, with f_j chunk
// j's fraction of the data, so that the least-norm solution is the one of least amplification.
#ifndef GRADLOOM_CODING_CODES_DENSE_CODE_H_
#define GRADLOOM_CODING_CODES_DENSE_CODE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "coding/code.h"

namespace gradloom {

// Decode accepts weights a with max_j |(a^T B)_j - 1| up to this times max(1, amplification), and
// never above kExactDecodeLimit. It separates "not decodable" (1e-6 and more, with weights of order
// 1) from rounding (1e-15 times the amplification).
inline constexpr double kExactDecodeTolerance = 1e-10;
inline constexpr double kExactDecodeLimit = 1e-4;

struct DenseCodeSpec {
  absl::string_view name;  // of static storage duration
  int64_t denominator = 1;
  std::vector<Chunk> chunks;
  std::vector<std::vector<Term>> rows = {};  // none empty
  int s = 0;                                 // B's rank is at most n - s
};

std::unique_ptr<GradientCode> MakeDenseCode(DenseCodeSpec spec);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_DENSE_CODE_H_
