// Straggler patterns for tests: the models by their definition, without any cleverness, and random
// patterns that leave a model no room.
#ifndef GRADLOOM_TESTS_CODING_STRAGGLER_PATTERNS_H_
#define GRADLOOM_TESTS_CODING_STRAGGLER_PATTERNS_H_

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

namespace gradloom {

using Pattern = std::vector<std::vector<bool>>;  // [round][slot]

struct DumbModel {
  bool bursty = true;
  int b = 1;  // B, or N of the arbitrary model
  int w = 2;
  int lambda = 1;

  // Of the window that ends with `round`, clipped at round 0.
  bool WindowConforms(const Pattern& pattern, int round) const {
    const int first = std::max(0, round - w + 1);
    int distinct = 0;
    for (size_t slot = 0; slot < pattern[round].size(); ++slot) {
      int times = 0;
      int earliest = 0;
      int latest = 0;
      for (int r = first; r <= round; ++r) {
        if (!pattern[r][slot]) continue;
        if (times++ == 0) earliest = r;
        latest = r;
      }
      if (times == 0) continue;
      ++distinct;
      if (bursty ? latest - earliest >= b : times > b) return false;
    }
    return distinct <= lambda;
  }

  bool Conforms(const Pattern& pattern) const {
    for (size_t round = 0; round < pattern.size(); ++round) {
      if (!WindowConforms(pattern, static_cast<int>(round))) return false;
    }
    return true;
  }
};

// No slot could straggle in one more round without its prefix leaving the model.
inline Pattern RandomMaximalPattern(const DumbModel& model, int slots, int rounds,
                                    std::mt19937* random) {
  Pattern pattern;
  std::vector<int> order(slots);
  std::iota(order.begin(), order.end(), 0);
  for (int round = 0; round < rounds; ++round) {
    pattern.emplace_back(slots, false);
    std::shuffle(order.begin(), order.end(), *random);
    for (int slot : order) {
      pattern[round][slot] = true;
      if (!model.WindowConforms(pattern, round)) pattern[round][slot] = false;
    }
  }
  return pattern;
}

// Calls `visit` with every pattern over `rounds` rounds for which each prefix satisfies `allowed`.
inline void ForEveryPattern(int slots, int rounds,
                            const std::function<bool(const Pattern&)>& allowed,
                            const std::function<void(const Pattern&)>& visit) {
  Pattern pattern;
  const std::function<void()> extend = [&] {
    if (static_cast<int>(pattern.size()) == rounds) {
      visit(pattern);
      return;
    }
    pattern.emplace_back(slots, false);
    for (unsigned set = 0; set < (1u << slots); ++set) {
      for (int slot = 0; slot < slots; ++slot) pattern.back()[slot] = (set >> slot) & 1;
      if (allowed(pattern)) extend();
    }
    pattern.pop_back();
  };
  extend();
}

}  // namespace gradloom

#endif  // GRADLOOM_TESTS_CODING_STRAGGLER_PATTERNS_H_
