#include "models/random.h"

#include <cmath>
#include <numbers>

#include "absl/base/internal/raw_logging.h"
#include "models/portable_math.h"

namespace gradloom {
namespace {

// The normal distribution's quantile function, 0 < p < 1, to about 1e-7: PPND7 of Wichura,
// "Algorithm AS 241: the percentage points of the normal distribution" (1988).
double NormalQuantile(double p) {
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * (((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179) /
           (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1);
  }
  const double r = std::sqrt(-PortableLog(q < 0 ? p : 1 - p));
  double size;
  if (r <= 5) {
    const double s = r - 1.6;
    size = (((0.17023821103 * s + 1.3067284816) * s + 2.7568153900) * s + 1.4234372777) /
           ((0.12021132975 * s + 0.73700164250) * s + 1);
  } else {
    const double s = r - 5;
    size = (((0.017337203997 * s + 0.42868294337) * s + 3.0812263860) * s + 6.6579051150) /
           ((0.012258202635 * s + 0.24197894225) * s + 1);
  }
  return q < 0 ? -size : size;
}

}  // namespace

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(product0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

RandomStream::RandomStream(uint64_t seed, Purpose purpose, uint64_t a, uint32_t b)
    : counter_{0, static_cast<uint32_t>(a), static_cast<uint32_t>(a >> 32), b} {
  // Seed and purpose do not fit into the key side by side, so the key is drawn from them: nearby
  // seeds get unrelated keys, and no seed's stream for one purpose is another's for another.
  const std::array<uint32_t, 4> drawn =
      Philox4x32({static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                  static_cast<uint32_t>(purpose), 0},
                 {0x67726164, 0x6c6f6f6d});
  key_ = {drawn[0], drawn[1]};
}

std::array<uint32_t, 4> RandomStream::NextBlock() {
  const std::array<uint32_t, 4> block = Philox4x32(counter_, key_);
  // After 2^34 words the block number wraps; the stream goes on under the next key.
  if (++counter_[0] == 0) ++key_[1];
  return block;
}

uint32_t RandomStream::NextBits() {
  if (used_ == 4) {
    block_ = NextBlock();
    used_ = 0;
  }
  return block_[used_++];
}

void RandomStream::FillBits(std::span<uint32_t> words) {
  size_t i = 0;
  while (i < words.size() && used_ < 4) words[i++] = block_[used_++];
  for (; i + 4 <= words.size(); i += 4) {
    const std::array<uint32_t, 4> block = NextBlock();
    for (int j = 0; j < 4; ++j) words[i + j] = block[j];
  }
  while (i < words.size()) words[i++] = NextBits();
}

double RandomStream::NextUniform() { return NextBits() * 0x1p-32; }

double RandomStream::NextNormal() {
  if (have_normal_) {
    have_normal_ = false;
    return normal_;
  }
  // 1 - u is in (0, 1], so the logarithm is finite.
  const double radius = std::sqrt(-2 * std::log(1 - NextUniform()));
  const double angle = 2 * std::numbers::pi * NextUniform();
  normal_ = radius * std::sin(angle);
  have_normal_ = true;
  return radius * std::cos(angle);
}

void RandomStream::FillNormals(std::span<float> values) {
  // The middles of 2^32 equal intervals: never 0 or 1.
  for (float& value : values) {
    value = static_cast<float>(NormalQuantile((NextBits() + 0.5) * 0x1p-32));
  }
}

uint64_t RandomStream::NextBelow(uint64_t n) {
  ABSL_RAW_CHECK(n >= 1, "NextBelow needs n >= 1");
  // Lemire, "Fast random integer generation in an interval" (2019): the high half of a product is
  // uniform once the few low halves below 2^bits mod n are rejected.
  if (n <= 0xffffffffu) {
    const uint32_t bound = static_cast<uint32_t>(n);
    uint64_t product = uint64_t{NextBits()} * bound;
    if (static_cast<uint32_t>(product) < bound) {
      const uint32_t threshold = -bound % bound;
      while (static_cast<uint32_t>(product) < threshold) product = uint64_t{NextBits()} * bound;
    }
    return product >> 32;
  }
  const uint64_t threshold = -n % n;
  while (true) {
    const uint64_t high = NextBits();
    const uint64_t bits = high << 32 | NextBits();
    const unsigned __int128 product = static_cast<unsigned __int128>(bits) * n;
    if (static_cast<uint64_t>(product) >= threshold) return static_cast<uint64_t>(product >> 64);
  }
}

}  // namespace gradloom
