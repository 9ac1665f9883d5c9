// Random numbers of the random constructions: the same sequence from the same seed with every
// standard library (std::normal_distribution and std::shuffle promise no such thing).
#ifndef GRADLOOM_CODING_CODES_CODE_RANDOM_H_
#define GRADLOOM_CODING_CODES_CODE_RANDOM_H_

#include <cstdint>
#include <random>
#include <span>
#include <utility>

namespace gradloom {

class CodeRandom {
 public:
  // Streams of one seed are unrelated: one per attempt of a seed search, one per purpose.
  explicit CodeRandom(uint64_t seed, uint64_t stream = 0);

  double Uniform();    // in [0, 1), 53 random bits
  double Gaussian();   // standard normal, Box-Muller
  int Below(int end);  // uniform in [0, end), end >= 1

  template <typename T>
  void Shuffle(std::span<T> items) {  // Fisher-Yates
    for (int i = static_cast<int>(items.size()) - 1; i > 0; --i) {
      std::swap(items[i], items[Below(i + 1)]);
    }
  }

 private:
  std::mt19937_64 engine_;
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_CODE_RANDOM_H_
