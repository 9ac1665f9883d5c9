// The catalogue of gradient codes. To add one: a file with a factory and its CodeKind, a line in
// the table in code_table.cc, and a value of the run file's enum (proto/gradloom/v1/run.proto); the
// contract suite (tests/coding/code_contract_test.cc) then runs over it by itself.
#ifndef GRADLOOM_CODING_CODES_CODE_TABLE_H_
#define GRADLOOM_CODING_CODES_CODE_TABLE_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coding/code.h"

namespace gradloom {

inline constexpr int kMaxSlots = 16384;
// Exact codes with a dense decoder factorise an n x n matrix and solve for every chunk or slot a
// system of s or s + 1 unknowns: they stop where that would take more than seconds, at this n and
// at n (s+1)^3 = kMaxDenseWork (s = 255 at n = 1024; every s up to n = 362).
inline constexpr int kMaxDenseSlots = 1024;
inline constexpr double kMaxDenseWork = 0x1p34;
// Random codes whose slots may hold up to n of n chunks stop here, for their memory.
inline constexpr int kMaxSparseSlots = 4096;

// What a code is built from. Sequential schemes fill it for their inner codes.
struct CodeParameters {
  int slots = 1;      // n, 1..kMaxSlots
  int s = 0;          // stragglers tolerated, 0..n-1
  uint64_t seed = 1;  // of random constructions; equal seeds give equal codes
  // Relative speed per slot, each finite and > 0; empty: equal. Read by dual_balanced alone.
  std::vector<double> throughput = {};
  // Copies of each chunk (on average), for approximate codes, 1..n. 0: chosen from s/n, see
  // coding/codes/approximate.h.
  int degree = 0;
  // Approximate codes: divide the least-squares weights by 1 - residual. See coding/README.md for
  // when that makes the estimate unbiased.
  bool unbiased = false;
};

// What the table knows of a code; its file defines it.
struct CodeKind {
  absl::string_view name;  // as in a run file
  int max_slots = kMaxSlots;
  double max_work = std::numeric_limits<double>::infinity();  // largest n (s+1)^3
  bool exact = false;                                         // GradientCode::exact
  bool unit_weights = false;                                  // GradientCode::unit_weights
  std::unique_ptr<GradientCode> (*make)(const CodeParameters& valid) = nullptr;
};

// What schemes take where nobody chooses: the same bits whoever answers.
inline constexpr absl::string_view kDefaultCode = "fractional_repetition";

std::span<const CodeKind* const> CodeTable();
std::vector<absl::string_view> CodeNames();
// Null when there is none of this name.
const CodeKind* FindCode(absl::string_view name);

// InvalidArgument names the parameter, its value and the relation it breaks.
absl::StatusOr<std::unique_ptr<GradientCode>> MakeCode(absl::string_view name,
                                                       const CodeParameters& parameters);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_CODE_TABLE_H_
