#include "coding/schemes/scheme_base.h"

#include <algorithm>

namespace gradloom {

int64_t RowUnits(const GradientCode& code, int slot) {
  int64_t units = 0;
  for (const Term& term : code.row(slot)) {
    const Chunk& chunk = code.chunks()[term.chunk];
    units += chunk.end - chunk.begin;
  }
  return units;
}

std::vector<int> SlotOfPart(const GradientCode& code) {
  std::vector<int> slot_of_part(code.parts());
  for (int slot = code.slots() - 1; slot >= 0; --slot) slot_of_part[code.part(slot)] = slot;
  return slot_of_part;
}

void SchemeBase::SetPlacement(const GradientCode& code) {
  std::vector<Part> parts;
  int64_t load_units = 0;
  for (int slot : SlotOfPart(code)) {
    const int64_t units = RowUnits(code, slot);
    const std::span<const Term> row = code.row(slot);
    parts.push_back({{row.begin(), row.end()},
                     static_cast<double>(units) / static_cast<double>(code.denominator())});
    load_units = std::max(load_units, units);
  }
  SetPlacement(code.denominator(), code.chunks(), std::move(parts), load_units);
}

}  // namespace gradloom
