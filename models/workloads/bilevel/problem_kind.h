// A bilevel problem's entry in the table (problem_kind.cc). To add one: a message in run.proto's
// Bilevel, a file with its class and its entry, and its name in the table.
#ifndef GRADLOOM_MODELS_WORKLOADS_BILEVEL_PROBLEM_KIND_H_
#define GRADLOOM_MODELS_WORKLOADS_BILEVEL_PROBLEM_KIND_H_

#include <cstdint>
#include <memory>
#include <string>

#include "gradloom/v1/run.pb.h"
#include "models/spec/findings.h"
#include "models/spec/kinds.h"
#include "models/workloads/bilevel/problem.h"

namespace gradloom {

// What the fields of the method depend on, as far as the spec tells: 0 is not known.
struct ProblemSizes {
  int64_t blocks = 0, training_rows = 0, validation_rows = 0;
  int64_t block_size = 0;  // variables of a block; 0: known with the data only
  // Rows of the run's data in all; 0 for a problem that has its own.
  int64_t data_rows = 0;
};

struct ProblemKind {
  KindSpec<v1::Bilevel> spec;
  ProblemSizes (*sizes)(const v1::Bilevel& spec);
  // Default of the step size of x.
  double (*eta)(const v1::Bilevel& spec) = [](const v1::Bilevel& /*spec*/) { return 0.3; };
  // `spec` has its defaults and is legal, and the data has the rows.
  std::unique_ptr<BilevelProblem> (*make)(const v1::Bilevel& spec, int64_t features);
};

// Null when no problem is chosen.
const ProblemKind* FindProblem(const v1::Bilevel& spec);
void FillProblem(v1::Bilevel* spec);
// `field` is the path of the Bilevel message.
void CheckProblem(const v1::Bilevel& spec, const std::string& field, Findings* findings);

// For entries of problems on the run's data.
inline constexpr Range kBlocksRange = Within(1, 1 << 20);
inline constexpr Range kRowsRange = Within(1, 0x1p31);
inline constexpr Range kRidgeRange = MoreThanUpTo(0, 1e9);
// Sizes of a problem whose blocks have rows of their own.
template <typename Problem>
ProblemSizes SizesOfBlocks(const Problem& problem) {
  const int64_t of_block = int64_t{problem.training_rows()} + problem.validation_rows();
  return {.blocks = problem.blocks(),
          .training_rows = problem.training_rows(),
          .validation_rows = problem.validation_rows(),
          .data_rows = problem.blocks() * of_block};
}

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_BILEVEL_PROBLEM_KIND_H_
