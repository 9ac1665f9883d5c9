#include "coding/schemes/multi_message_scheme.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coding/schemes/scheme_base.h"

namespace gradloom {
namespace {

constexpr size_t kInHand = 2;  // chunks that a slot has to do

// 0, 1, 2, ... with their bits reversed over ceil(log2 count) of them.
std::vector<uint32_t> ReversedNumbers(uint32_t count) {
  const uint32_t numbers = std::bit_ceil(count);
  std::vector<uint32_t> out(numbers, 0);
  for (uint32_t k = 1; k < numbers; ++k) out[k] = out[k / 2] / 2 + k % 2 * (numbers / 2);
  return out;
}

// Which of 2^bits numbers are there, as a tree of counts over their bits, the highest first.
class NumberTree {
 public:
  explicit NumberTree(int bits) : bits_(bits), count_(size_t{2} << bits, 0) {}

  void Clear() { std::fill(count_.begin(), count_.end(), 0); }
  void Add(uint32_t number, int32_t change) {
    for (uint32_t node = (1U << bits_) + number; node > 0; node /= 2) count_[node] += change;
  }
  // The least k >= low for which `base` xor k is there, or -1. O(bits).
  int64_t Next(uint32_t base, uint32_t low) const {
    return low >> bits_ > 0 ? -1 : Next(1, bits_, base, low);
  }

 private:
  // Of the lowest `bits` bits of k, below `node`.
  int64_t Next(uint32_t node, int bits, uint32_t base, uint32_t low) const {
    if (count_[node] == 0) return -1;
    if (bits == 0) return 0;
    const uint32_t half = 1U << (bits - 1);
    const uint32_t same = 2 * node + ((base & half) != 0 ? 1 : 0);
    if (low < half) {
      const int64_t found = Next(same, bits - 1, base, low);
      if (found >= 0) return found;
      low = half;
    }
    const int64_t found = Next(same ^ 1, bits - 1, base, low - half);
    return found < 0 ? -1 : half + found;
  }

  int bits_;
  std::vector<int32_t> count_;
};

// Chunk, part and the slot that begins with it have the same number.
class MultiMessageScheme final : public SchemeBase {
 public:
  MultiMessageScheme(int slots, int reach)
      : SchemeBase(kMultiMessageScheme.name, slots, 0),
        reach_(reach),
        groups_((slots + reach - 1) / reach),
        largest_group_((slots + groups_ - 1) / groups_),
        reversed_(ReversedNumbers(largest_group_)),
        of_slot_(slots),
        have_(slots),
        holders_(slots),
        missing_in_group_(groups_, NumberTree(std::bit_width(reversed_.size()) - 1)),
        silent_in_group_(groups_) {
    std::vector<Chunk> chunks;
    std::vector<Part> parts;
    for (int32_t i = 0; i < slots; ++i) {
      chunks.push_back({i, i + 1});
      parts.push_back({{{i, 1}}, 1.0 / slots});
    }
    SetPlacement(slots, std::move(chunks), std::move(parts), largest_group_);
  }

  std::string description() const override {
    return absl::StrCat("MultiMessage(reach=", reach_, ")");
  }
  double invocation_load() const override { return 1.0 / slots(); }
  bool exact() const override { return true; }
  bool unit_weights() const override { return true; }

  std::span<const MiniTask> StartRound(bool has_job) override {
    ledger_.StartRound();
    asked_.clear();
    dropped_.clear();
    has_job_ = has_job;
    forgotten_ = false;
    missing_ = has_job ? slots() : 0;
    silent_ = missing_;
    std::fill(have_.begin(), have_.end(), false);
    std::fill(silent_in_group_.begin(), silent_in_group_.end(), 0);
    for (std::vector<int32_t>& holders : holders_) holders.clear();
    for (NumberTree& missing : missing_in_group_) missing.Clear();
    for (int32_t slot = 0; slot < slots(); ++slot) {
      of_slot_[slot].in_hand.clear();
      of_slot_[slot].next = 0;
      of_slot_[slot].delivered = !has_job;
      if (!has_job) continue;
      ++silent_in_group_[slot % groups_];
      missing_in_group_[slot % groups_].Add(Place(slot), 1);
    }
    for (int32_t slot = 0; has_job && slot < slots(); ++slot) Replenish(slot);
    return asked_;
  }

  bool Receive(const MiniTask& task) override {
    asked_.clear();
    dropped_.clear();
    if (!Legal(task) || !has_job_ || task.part % groups_ != task.slot % groups_) return false;
    OfSlot& sender = of_slot_[task.slot];
    if (!sender.delivered) {
      sender.delivered = true;
      --silent_;
      --silent_in_group_[task.slot % groups_];
    }
    if (std::erase(sender.in_hand, task.part) > 0) std::erase(holders_[task.part], task.slot);
    const bool fresh = !forgotten_ && !have_[task.part];
    if (fresh) {
      have_[task.part] = true;
      missing_in_group_[task.part % groups_].Add(Place(task.part), -1);
      --missing_;
    }
    if (missing_ == 0 || forgotten_) return fresh;
    // Whoever else was to compute it goes on with something else.
    for (const int32_t other : std::exchange(holders_[task.part], {})) {
      std::erase(of_slot_[other].in_hand, task.part);
      dropped_.push_back({other, task.part, task.job});
      Replenish(other);
    }
    Replenish(task.slot);
    return fresh;
  }

  Followup followup() const override { return {dropped_, asked_}; }

  bool Needed(const MiniTask& task) const override {
    return Legal(task) && has_job_ && !forgotten_ && !have_[task.part];
  }

  CloseVerdict Verdict() const override {
    const bool decodable = missing_ == 0;
    return {.due_decodable = decodable,
            .conforming = decodable,
            // Every group has someone who can compute all of its chunks.
            .pattern_conforming = PatternConforms()};
  }

  bool Delivered(int slot) const override { return of_slot_[slot].delivered; }
  // Once the job is complete, nobody has anything left to deliver.
  int Pending() const override { return missing_ == 0 ? 0 : silent_; }
  void CloseRound() override {}

  bool Decodable(int64_t job) const override {
    if (!ledger_.InFlight(job)) return job >= 0 && job < rounds();
    return missing_ == 0;
  }

  absl::StatusOr<JobDecoding> Decode(int64_t job) const override {
    if (!ledger_.InFlight(job) || forgotten_) {
      return absl::FailedPreconditionError(
          absl::StrCat("job ", job, " is not in flight (in flight: ", rounds() - 1, ")"));
    }
    if (missing_ > 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(name(), ": ", missing_, " of ", slots(), " chunks have not arrived"));
    }
    JobDecoding out;
    for (int32_t part = 0; has_job_ && part < slots(); ++part) out.weights.push_back({part, 1});
    return out;
  }

  void Forget(int64_t job) override { forgotten_ = forgotten_ || ledger_.InFlight(job); }

 private:
  struct OfSlot {
    std::vector<int32_t> in_hand;  // parts asked, neither delivered nor dropped
    uint32_t next = 0;             // of its order, not looked at yet
    bool delivered = false;        // anything
  };

  bool PatternConforms() const {
    for (int group = 0; group < groups_ && has_job_; ++group) {
      const int size = (slots() - group + groups_ - 1) / groups_;
      if (silent_in_group_[group] == size) return false;
    }
    return true;
  }

  // Of a slot, or of its chunk, among those of its group, with the bits reversed.
  uint32_t Place(int32_t slot) const { return reversed_[slot / groups_]; }

  // Asks the slot for the next missing chunks of its order.
  void Replenish(int32_t slot) {
    OfSlot& of = of_slot_[slot];
    const NumberTree& missing = missing_in_group_[slot % groups_];
    while (of.in_hand.size() < kInHand) {
      const int64_t k = missing.Next(Place(slot), of.next);
      if (k < 0) break;
      of.next = static_cast<uint32_t>(k) + 1;
      const uint32_t place = reversed_[Place(slot) ^ static_cast<uint32_t>(k)];
      const auto part = static_cast<int32_t>(place) * groups_ + slot % groups_;
      of.in_hand.push_back(part);
      holders_[part].push_back(slot);
      asked_.push_back({slot, part, rounds() - 1});
    }
  }

  const int reach_;
  const int groups_;
  const int largest_group_;
  const std::vector<uint32_t> reversed_;
  std::vector<OfSlot> of_slot_;
  std::vector<bool> have_;                     // by part
  std::vector<std::vector<int32_t>> holders_;  // by part: slots that have it in hand
  std::vector<NumberTree> missing_in_group_;   // parts, by their place
  std::vector<int> silent_in_group_;           // slots that have delivered nothing
  std::vector<MiniTask> asked_;                // by the latest StartRound or Receive
  std::vector<MiniTask> dropped_;
  int missing_ = 0;  // parts
  int silent_ = 0;   // slots that have delivered nothing
  bool has_job_ = false;
  bool forgotten_ = false;
};

constexpr int kAll = 0;
constexpr Parameter kParameters[] = {{.name = "reach", .otherwise = kAll, .min = 1}};

int Reach(const SchemeSpec& spec) {
  const int reach = spec.settings.whole("reach");
  return reach == kAll ? spec.slots : reach;
}

void Check(const SchemeSpec& spec, Problems* problems) {
  if (spec.slots > 0 && Reach(spec) > spec.slots) {
    problems->push_back({"reach", absl::StrCat("at most slots = ", spec.slots)});
  }
}

absl::StatusOr<std::unique_ptr<Scheme>> Make(const SchemeSpec& checked) {
  return std::make_unique<MultiMessageScheme>(checked.slots, Reach(checked));
}

// All but one of the smallest group that shares its chunks may straggle.
SchemeTraits Traits(const SchemeSpec& valid) {
  const int groups = (valid.slots + Reach(valid) - 1) / Reach(valid);
  return {.tolerated = valid.slots / groups - 1, .tasks = 1, .parts = valid.slots};
}

// As much reach as the copies allow.
void Enumerate(const SchemeSpace& space, const SchemeKind::Add& add) {
  SchemeSpec spec(kMultiMessageScheme, space.slots);
  if (space.copies_max < space.slots) {
    spec.settings.Set("reach", std::max(1, static_cast<int>(space.copies_max)));
  }
  add(spec);
}

void Fit(SchemeSpec* spec) {
  spec->settings.Set("reach", std::min(spec->settings.whole("reach"), spec->slots));
}

}  // namespace

constinit const SchemeKind kMultiMessageScheme = {.name = "multi_message",
                                                  .title = "multi-message",
                                                  .parameters = kParameters,
                                                  .piecemeal = true,
                                                  .check = Check,
                                                  .make = Make,
                                                  .traits = Traits,
                                                  .enumerate = Enumerate,
                                                  .fit = Fit};

}  // namespace gradloom
