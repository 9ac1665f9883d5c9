// A sampled block's sums over rows of its batch, at this step's point and the previous one, and how
// they lie in a reply: [now | now - before], each [gy | q | gx | hessian] without what the phase
// does not want. A training row weighs 1 / (training rows of the batch), a validation row likewise,
// so that the sum over the whole batch is the reply's means.
#ifndef GRADLOOM_MODELS_WORKLOADS_BILEVEL_BATCH_H_
#define GRADLOOM_MODELS_WORKLOADS_BILEVEL_BATCH_H_

#include <cstdint>
#include <span>
#include <vector>

#include "models/workloads/bilevel/bsvrb.h"
#include "models/workloads/bilevel/problem.h"

namespace gradloom {

struct BlockLayout {
  int64_t gy = 0, q = 0, gx = 0, hessian = 0;  // sizes
  int64_t half() const { return gy + q + gx + hessian; }
};
// Jobs of a lane in a step. Version 1's second phase needs the solutions that its first makes
// possible.
inline int PhasesOf(v1::Bilevel::Version version) { return version == v1::Bilevel::V1 ? 2 : 1; }
BlockLayout LayoutOf(const BilevelShape& shape, v1::Bilevel::Version version, int phase);

class BatchSums {
 public:
  BatchSums(const BilevelProblem& problem, const BlockLayout& layout, double training_weight,
            double validation_weight);

  void Add(int block, bool validation, const BilevelRow& row, const Bsvrb::Pair& at);
  // Once all rows of a part of the batch are in.
  void AddDataFree(int block, const Bsvrb::Pair& at);

  std::span<const double> now() const { return now_; }
  std::span<const double> before() const { return before_; }
  // Over the validation rows, now.
  double loss() const { return now_terms_.loss; }
  double correct() const { return now_terms_.correct; }

 private:
  BilevelTerms TermsIn(const BlockLayout& layout, std::span<double> values) const;

  const BilevelProblem& problem_;
  double training_weight_, validation_weight_;
  double share_ = 0;  // of the batch's training rows
  std::vector<double> now_, before_;
  BilevelTerms now_terms_, before_terms_;
};

// Fills what `layout` has; `values` is [now | change].
void ReadReply(const BlockLayout& layout, std::span<const double> values, BlockReply& reply);

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_WORKLOADS_BILEVEL_BATCH_H_
