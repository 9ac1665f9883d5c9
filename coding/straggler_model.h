// Straggler models of Krishnan, Ebrahimi, Khisti (ICLR 2023): which slots may straggle when.
// S(t) is the set of slots that straggle in round t.
//   (B, W, lambda)-bursty:    in every window of W rounds at most lambda distinct slots straggle,
//                             and each one's first and last straggling rounds are < B apart.
//   (N, W', lambda)-arbitrary: in every window of W' rounds at most lambda distinct slots straggle,
//                             each in at most N rounds.
#ifndef GRADLOOM_CODING_STRAGGLER_MODEL_H_
#define GRADLOOM_CODING_STRAGGLER_MODEL_H_

#include <cstdint>
#include <limits>
#include <vector>

namespace gradloom {

class StragglerModel {
 public:
  static constexpr int kMaxWindow = 64;  // rounds; a slot's recent past is one word

  // 1 <= burst, 1 <= window <= kMaxWindow, 0 <= lambda.
  static StragglerModel Bursty(int burst, int window, int lambda);
  static StragglerModel Arbitrary(int times, int window, int lambda);

  int window() const { return window_; }
  int lambda() const { return lambda_; }
  // Whether a slot with this past may not straggle now. Bit k - 1 of `past`: it straggled k rounds
  // ago, k < window.
  bool Bars(uint64_t past) const {
    return (past & apart_) != 0 || __builtin_popcountll(past) >= times_;
  }
  // Bits of the past that the model looks at.
  uint64_t past_mask() const { return past_mask_; }

 private:
  StragglerModel(int window, int lambda);

  int window_;
  int lambda_;
  uint64_t past_mask_;
  uint64_t apart_ = 0;
  int times_ = std::numeric_limits<int>::max();
};

// Follows a pattern round by round and says whether the slots that are still expected could all
// straggle. StartRound is O(n), the rest O(1). Not thread-safe.
class PatternTracker {
 public:
  // Once the model has been violated the tracker reports so for `memory` further rounds, however
  // harmless they are: until no job that saw the violation is in flight.
  PatternTracker(const StragglerModel& model, int slots, int memory);

  // Slots still expected straggled in the round that ends hereby.
  void StartRound();
  // The current round asks something of the slot; at most once a round.
  void Expect(int slot);
  // An expected slot has delivered. Ignored for others.
  void Deliver(int slot);
  bool Conforming() const { return round_ > clean_after_ && InModel(); }

 private:
  bool InModel() const { return barred_ == 0 && union_ <= model_.lambda(); }

  StragglerModel model_;
  int memory_;
  int64_t round_ = 0;
  int64_t clean_after_ = -1;
  std::vector<uint64_t> past_;
  std::vector<bool> expected_;
  int union_ = 0;   // slots that straggled in the window or are expected
  int barred_ = 0;  // expected slots that may not straggle
};

}  // namespace gradloom

#endif  // GRADLOOM_CODING_STRAGGLER_MODEL_H_
