#include "models/workloads/bilevel/batch.h"

namespace gradloom {

BlockLayout LayoutOf(const BilevelShape& shape, v1::Bilevel::Version version, int phase) {
  if (version != v1::Bilevel::V1) return {shape.dy, shape.dy, shape.dx, 0};
  if (phase == 0) return {shape.dy, shape.dy, 0, shape.hessian_size()};
  return {0, 0, shape.dx, 0};
}

BatchSums::BatchSums(const BilevelProblem& problem, const BlockLayout& layout,
                     double training_weight, double validation_weight)
    : problem_(problem),
      training_weight_(training_weight),
      validation_weight_(validation_weight),
      now_(layout.half()),
      before_(layout.half()),
      now_terms_(TermsIn(layout, now_)),
      before_terms_(TermsIn(layout, before_)) {}

BilevelTerms BatchSums::TermsIn(const BlockLayout& layout, std::span<double> values) const {
  BilevelTerms terms;
  terms.gy = values.first(layout.gy);
  terms.q = values.subspan(layout.gy, layout.q);
  terms.gx = values.subspan(layout.gy + layout.q, layout.gx);
  terms.hessian = values.last(layout.hessian);
  return terms;
}

void BatchSums::Add(int block, bool validation, const BilevelRow& row, const Bsvrb::Pair& at) {
  if (validation) {
    problem_.AddValidation(block, row, at.now, validation_weight_, now_terms_);
    problem_.AddValidation(block, row, at.before, validation_weight_, before_terms_);
  } else {
    problem_.AddTraining(block, row, at.now, training_weight_, now_terms_);
    problem_.AddTraining(block, row, at.before, training_weight_, before_terms_);
    share_ += training_weight_;
  }
}

void BatchSums::AddDataFree(int block, const Bsvrb::Pair& at) {
  problem_.AddDataFree(block, at.now, share_, now_terms_);
  problem_.AddDataFree(block, at.before, share_, before_terms_);
}

void ReadReply(const BlockLayout& layout, std::span<const double> values, BlockReply& reply) {
  size_t at = 0;
  const auto read = [&](int64_t size, std::vector<double>& out) {
    if (size > 0) out.assign(values.begin() + at, values.begin() + at + size);
    at += size;
  };
  read(layout.gy, reply.gy);
  read(layout.q, reply.q);
  read(layout.gx, reply.gx);
  read(layout.hessian, reply.hessian);
  read(layout.gy, reply.gy_change);
  read(layout.q, reply.q_change);
  read(layout.gx, reply.gx_change);
  read(layout.hessian, reply.hessian_change);
}

}  // namespace gradloom
