#include "coding/schemes/coded_sum.h"

#include <algorithm>

namespace gradloom {

CodedSum::CodedSum(const GradientCode& code)
    : code_(&code),
      by_part_(code.exact() && code.unit_weights()),
      has_slot_(code.slots()),
      has_part_(code.parts()) {
  Clear();
}

void CodedSum::Clear() {
  std::fill(has_slot_.begin(), has_slot_.end(), false);
  std::fill(has_part_.begin(), has_part_.end(), false);
  missing_slots_ = code_->slots();
  missing_parts_ = code_->parts();
  Update();
}

bool CodedSum::Receive(int slot) {
  if (has_slot_[slot]) return false;
  has_slot_[slot] = true;
  --missing_slots_;
  const int part = code_->part(slot);
  const bool first = !has_part_[part];
  if (first) {
    has_part_[part] = true;
    --missing_parts_;
  }
  Update();
  return first;
}

void CodedSum::Update() {
  decodable_ = by_part_ ? missing_parts_ == 0 : missing_slots_ <= code_->tolerance();
}

void CodedSum::AppendWeights(const Decoding& decoding, int first_part, JobDecoding* out) const {
  std::vector<double> by_part(code_->parts(), 0);
  for (int slot = 0; slot < code_->slots(); ++slot) {
    by_part[code_->part(slot)] += decoding.weights[slot];
  }
  for (int part = 0; part < code_->parts(); ++part) {
    if (by_part[part] != 0) out->weights.push_back({first_part + part, by_part[part]});
  }
}

}  // namespace gradloom
