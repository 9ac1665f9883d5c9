#include "coding/codes/pairwise_balanced.h"

#include <algorithm>
#include <utility>

#include "coding/codes/approximate.h"
#include "coding/codes/code_random.h"

namespace gradloom {
namespace {

constexpr int kRestarts = 16;
constexpr int kCandidates = 64;  // per element of D

struct DifferenceSet {
  std::vector<int> residues;
  int64_t imbalance = 0;  // sum over differences t != 0 of (pairs with difference t)^2
};

// Grows D element by element, each the best of some random candidates.
DifferenceSet GrowDifferenceSet(int n, int degree, CodeRandom& random) {
  DifferenceSet set{.residues = {0}};
  std::vector<bool> member(n);
  member[0] = true;
  std::vector<int64_t> pairs(n);  // by difference
  while (static_cast<int>(set.residues.size()) < degree) {
    int best = -1;
    int64_t best_increase = 0;
    for (int i = 0; i < kCandidates || best < 0; ++i) {
      const int candidate = random.Below(n);
      if (member[candidate]) continue;
      int64_t increase = 0;
      for (int residue : set.residues) increase += pairs[(candidate - residue + n) % n];
      if (best >= 0 && increase >= best_increase) continue;
      best = candidate;
      best_increase = increase;
    }
    for (int residue : set.residues) {
      ++pairs[(best - residue + n) % n];
      ++pairs[(residue - best + n) % n];
    }
    member[best] = true;
    set.residues.push_back(best);
  }
  for (int64_t count : pairs) set.imbalance += count * count;
  return set;
}

}  // namespace

std::unique_ptr<GradientCode> MakePairwiseBalanced(const CodeParameters& valid) {
  const int n = valid.slots;
  const int degree = DegreeOr(valid, DefaultDegree(n, valid.s));
  CodeRandom random(valid.seed);
  DifferenceSet best = GrowDifferenceSet(n, degree, random);
  for (int restart = 1; restart < kRestarts; ++restart) {
    DifferenceSet set = GrowDifferenceSet(n, degree, random);
    if (set.imbalance < best.imbalance) best = std::move(set);
  }
  CodeRows rows(n);
  for (int chunk = 0; chunk < n; ++chunk) {
    for (int residue : best.residues) rows[(chunk + residue) % n].push_back({chunk, 1});
  }
  return MakeLeastSquaresCode({.name = kPairwiseBalancedCode.name,
                               .chunks = n,
                               .rows = std::move(rows),
                               .s = valid.s,
                               .unbiased = valid.unbiased});
}

constinit const CodeKind kPairwiseBalancedCode = {.name = "pairwise_balanced",
                                                  .max_slots = kMaxSparseSlots,
                                                  .exact = false,
                                                  .unit_weights = false,
                                                  .make = MakePairwiseBalanced};

}  // namespace gradloom
