#include "coding/code.h"

#include <algorithm>
#include <utility>

namespace gradloom {

bool GradientCode::Decodable(const std::vector<bool>& received) const {
  return Decode(received).ok();
}

void GradientCode::SetStructure(int64_t denominator, std::vector<Chunk> chunks,
                                std::vector<std::vector<Term>> rows, std::vector<int> part_of_slot,
                                int tolerance) {
  denominator_ = denominator;
  chunks_ = std::move(chunks);
  rows_ = std::move(rows);
  part_of_slot_ = std::move(part_of_slot);
  tolerance_ = tolerance;
  if (part_of_slot_.empty()) {
    for (int slot = 0; slot < slots(); ++slot) part_of_slot_.push_back(slot);
  }
  parts_ = 1 + *std::max_element(part_of_slot_.begin(), part_of_slot_.end());
  for (const std::vector<Term>& row : rows_) {
    int64_t units = 0;
    for (const Term& term : row) units += chunks_[term.chunk].end - chunks_[term.chunk].begin;
    load_ = std::max(load_, static_cast<double>(units) / static_cast<double>(denominator_));
  }
}

}  // namespace gradloom
