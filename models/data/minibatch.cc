#include "models/data/minibatch.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "absl/base/internal/raw_logging.h"
#include "models/random.h"

namespace gradloom {
namespace {

// floor(a * b / c) without overflow.
int64_t MulDiv(int64_t a, int64_t b, int64_t c) {
  return static_cast<int64_t>(static_cast<__int128>(a) * b / c);
}

constexpr int64_t kShuffledStratum = 16;

// Element `element` of a random permutation of [0, size), in time that does not grow with size.
// Small strata are shuffled in full (every order equally likely). For larger ones a keyed Feistel
// network permutes the next power of two and walks its cycle back into the range (Black & Rogaway,
// "Ciphers with arbitrary finite domains", 2002): fewer than two steps on average.
int64_t PermutedElement(int64_t element, int64_t size, RandomStream stream) {
  if (size <= kShuffledStratum) {
    std::array<int8_t, kShuffledStratum> order;
    std::iota(order.begin(), order.begin() + size, int8_t{0});
    // A forward shuffle settles its first places first, so it may stop at `element`.
    for (int64_t i = 0; i <= element; ++i) {
      std::swap(order[i], order[i + static_cast<int64_t>(stream.NextBelow(size - i))]);
    }
    return order[element];
  }
  const int bits = std::bit_width(static_cast<uint64_t>(size - 1));
  const int low_bits = bits / 2;
  const uint64_t low_mask = (uint64_t{1} << low_bits) - 1;
  const uint64_t high_mask = (uint64_t{1} << (bits - low_bits)) - 1;
  std::array<uint32_t, 8> keys;
  stream.FillBits(keys);
  // Mixes one half under a round key (the finaliser of MurmurHash3, 64 bits).
  const auto mix = [](uint64_t half, uint64_t key) {
    uint64_t x = (half ^ key << 32) * 0x9E3779B97F4A7C15u + key;
    x = (x ^ x >> 33) * 0xFF51AFD7ED558CCDu;
    x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53u;
    return x ^ x >> 33;
  };
  uint64_t value = static_cast<uint64_t>(element);
  do {
    uint64_t low = value & low_mask;
    uint64_t high = value >> low_bits;
    for (size_t round = 0; round < keys.size(); round += 2) {
      high ^= mix(low, keys[round]) & high_mask;
      low ^= mix(high, keys[round + 1]) & low_mask;
    }
    value = high << low_bits | low;
  } while (value >= static_cast<uint64_t>(size));
  return static_cast<int64_t>(value);
}

}  // namespace

MinibatchPlan::MinibatchPlan(int64_t examples, int64_t batch_size, uint64_t seed)
    : examples_(examples),
      batch_size_(batch_size <= 0 ? examples : std::min(batch_size, examples)),
      seed_(seed) {
  ABSL_RAW_CHECK(examples >= 1, "MinibatchPlan needs at least one example");
}

int64_t MinibatchPlan::jobs_per_epoch() const {
  return examples_ / batch_size_ + (examples_ % batch_size_ != 0);
}

int64_t MinibatchPlan::ExamplesIn(int64_t job) const {
  // Strata hold floor(N / B) or one more; N mod B of them hold one more.
  const int64_t turn = job % jobs_per_epoch();
  return turn < examples_ / batch_size_ ? batch_size_ : examples_ % batch_size_;
}

std::pair<int64_t, int64_t> MinibatchPlan::Positions(int64_t begin, int64_t end,
                                                     int64_t denominator) const {
  return {MulDiv(begin, batch_size_, denominator), MulDiv(end, batch_size_, denominator)};
}

std::pair<int64_t, int64_t> MinibatchPlan::ExampleRange(int64_t first, int64_t last) const {
  return {MulDiv(first, examples_, batch_size_), MulDiv(last, examples_, batch_size_)};
}

std::vector<int64_t> MinibatchPlan::Draw(int64_t job, int64_t first, int64_t last) const {
  ABSL_RAW_CHECK(job >= 0 && 0 <= first && last <= batch_size_, "Draw outside the plan");
  std::vector<int64_t> drawn;
  if (first >= last) return drawn;
  drawn.reserve(last - first);
  if (batch_size_ == examples_) {
    for (int64_t p = first; p < last; ++p) drawn.push_back(p);
    return drawn;
  }
  const uint64_t epoch = static_cast<uint64_t>(job / jobs_per_epoch());
  const int64_t turn = job % jobs_per_epoch();
  int64_t begin = MulDiv(first, examples_, batch_size_);
  for (int64_t p = first; p < last; ++p) {
    const int64_t end = MulDiv(p + 1, examples_, batch_size_);
    if (turn < end - begin) {
      // A position may need more than the stream's 32 bits for it; an epoch never does.
      const uint64_t position = static_cast<uint64_t>(p);
      const RandomStream stream(seed_, Purpose::kMinibatch, epoch | (position >> 32) << 32,
                                static_cast<uint32_t>(position));
      drawn.push_back(begin + PermutedElement(turn, end - begin, stream));
    }
    begin = end;
  }
  return drawn;
}

}  // namespace gradloom
