#include "coding/codes/fractional_repetition.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace gradloom {
namespace {

class FractionalRepetition final : public GradientCode {
 public:
  FractionalRepetition(absl::string_view name, int slots, int s) : name_(name) {
    const int groups = slots / (s + 1);
    std::vector<Chunk> chunks;
    for (int group = 0; group < groups; ++group) chunks.push_back({group, group + 1});
    std::vector<std::vector<Term>> rows;
    std::vector<int> part_of_slot;
    for (int slot = 0; slot < slots; ++slot) {
      rows.push_back({{slot % groups, 1}});
      part_of_slot.push_back(slot % groups);
    }
    SetStructure(groups, std::move(chunks), std::move(rows), std::move(part_of_slot), s);
  }

  absl::string_view name() const override { return name_; }
  bool exact() const override { return true; }
  bool unit_weights() const override { return true; }

  absl::StatusOr<Decoding> Decode(const std::vector<bool>& received) const override {
    Decoding decoding;
    decoding.weights.assign(slots(), 0);
    int missing = parts();
    std::vector<bool> seen(parts());
    for (int slot = 0; slot < slots() && missing > 0; ++slot) {
      if (!received[slot] || seen[part(slot)]) continue;
      seen[part(slot)] = true;
      decoding.weights[slot] = 1;
      --missing;
    }
    if (missing == 0) return decoding;
    int first = 0;
    while (seen[first]) ++first;
    return absl::FailedPreconditionError(
        absl::StrCat(name_, ": ", missing, " of ", parts(),
                     " parts have not arrived from any slot, the first is part ", first));
  }

  bool Decodable(const std::vector<bool>& received) const override {
    std::vector<bool> seen(parts());
    int missing = parts();
    for (int slot = 0; slot < slots(); ++slot) {
      if (!received[slot] || seen[part(slot)]) continue;
      seen[part(slot)] = true;
      if (--missing == 0) return true;
    }
    return false;
  }

 private:
  absl::string_view name_;
};

}  // namespace

std::unique_ptr<GradientCode> MakeFractionalRepetition(const CodeParameters& valid) {
  return MakeRepetition(kFractionalRepetitionCode.name, valid.slots, valid.s);
}

std::unique_ptr<GradientCode> MakeRepetition(absl::string_view name, int slots, int s) {
  return std::make_unique<FractionalRepetition>(name, slots, s);
}

constinit const CodeKind kFractionalRepetitionCode = {.name = "fractional_repetition",
                                                      .exact = true,
                                                      .unit_weights = true,
                                                      .make = MakeFractionalRepetition};

}  // namespace gradloom
