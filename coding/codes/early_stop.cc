#include "coding/codes/early_stop.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "coding/codes/approximate.h"
#include "coding/codes/code_math.h"

namespace gradloom {
namespace {

class EarlyStop final : public GradientCode {
 public:
  EarlyStop(int slots, int s, int degree, bool unbiased) : unbiased_(unbiased) {
    const int groups = slots / degree;
    CodeRows rows;
    std::vector<int> part_of_slot;
    // Neighbours to different groups, as in fractional repetition.
    for (int slot = 0; slot < slots; ++slot) {
      rows.push_back({{slot % groups, 1}});
      part_of_slot.push_back(slot % groups);
    }
    SetStructure(groups, EqualChunks(groups), std::move(rows), std::move(part_of_slot), s);
  }

  absl::string_view name() const override { return kEarlyStopCode.name; }
  bool exact() const override { return false; }
  // The weights may be 1, but not every part is in each sum.
  bool unit_weights() const override { return false; }

  absl::StatusOr<Decoding> Decode(const std::vector<bool>& received) const override {
    if (absl::Status status = CheckTolerance(*this, received); !status.ok()) return status;
    std::vector<int> first(parts(), -1);
    int live = 0;
    for (int slot = 0; slot < slots(); ++slot) {
      if (!received[slot] || first[part(slot)] >= 0) continue;
      first[part(slot)] = slot;
      ++live;
    }
    const double groups = parts();
    const double weight = unbiased_ ? groups / live : 1;
    Decoding decoding;
    decoding.weights.assign(slots(), 0);
    for (int slot : first) {
      if (slot >= 0) decoding.weights[slot] = weight;
    }
    decoding.residual = (groups - live) / (unbiased_ ? live : groups);
    decoding.amplification = weight * std::sqrt(live / groups);
    return decoding;
  }

  bool Decodable(const std::vector<bool>& received) const override {
    return std::count(received.begin(), received.end(), false) <= tolerance();
  }

 private:
  bool unbiased_;
};

}  // namespace

std::unique_ptr<GradientCode> MakeEarlyStop(const CodeParameters& valid) {
  const int degree = DegreeOr(valid, DefaultDegree(valid.slots, valid.s));
  return std::make_unique<EarlyStop>(valid.slots, valid.s, degree, valid.unbiased);
}

constinit const CodeKind kEarlyStopCode = {
    .name = "early_stop", .exact = false, .unit_weights = false, .make = MakeEarlyStop};

}  // namespace gradloom
