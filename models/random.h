// Counter-based randomness: every value is a pure function of a seed and of what it is for, so
// replicas of a task draw the same values and nothing depends on the order of computation.
// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// The normal distribution is Box-Muller on fixed operations, so its bits are the same everywhere
// one libm is used.
#ifndef GRADLOOM_MODELS_RANDOM_H_
#define GRADLOOM_MODELS_RANDOM_H_

#include <array>
#include <cstdint>
#include <span>

namespace gradloom {

// One block of four 32-bit words.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// What a stream is for; part of the key.
enum class Purpose : uint32_t {
  kInitialParameters = 1,
  kMinibatch = 2,
  kDropout = 3,
  kGeneratedData = 4,
  kStraggle = 5,
  kCodeConstruction = 6,
  kGraphTraining = 7,  // splits, pairs that are no edges, wrong labels, virtual nodes
  kNegativeLabel = 11,
  kDiffusion = 12,
  kResample = 20,
  kSampledBlocks = 40,
  kBlockRows = 41,
  kLabelNoise = 42,
};

// An endless stream keyed by (seed, purpose, a, b): cheap to construct (one block), to copy and to
// throw away. One stream is for one thread.
class RandomStream {
 public:
  RandomStream(uint64_t seed, Purpose purpose, uint64_t a = 0, uint32_t b = 0);
  uint32_t NextBits();
  void FillBits(std::span<uint32_t> words);  // the same words as repeated NextBits, faster
  double NextUniform();                      // [0, 1), 32 bits of resolution
  double NextNormal();                       // N(0, 1)
  // N(0, 1), a word each, from IEEE operations only: replicas on any processor have the same bits.
  void FillNormals(std::span<float> values);
  uint64_t NextBelow(uint64_t n);  // uniform on [0, n), unbiased; n >= 1

 private:
  std::array<uint32_t, 4> NextBlock();

  std::array<uint32_t, 4> counter_;  // block number, a (low, high), b
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
  bool have_normal_ = false;
  double normal_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_RANDOM_H_
