#include "coding/codes/bernoulli.h"

#include <algorithm>
#include <utility>

#include "coding/codes/approximate.h"
#include "coding/codes/code_random.h"

namespace gradloom {

std::unique_ptr<GradientCode> MakeBernoulli(const CodeParameters& valid) {
  const int n = valid.slots;
  const int degree = DegreeOr(valid, DefaultBernoulliDegree(n, valid.s));
  const double probability = static_cast<double>(degree) / n;
  CodeRandom random(valid.seed);
  CodeRows rows(n);
  std::vector<int> owners(n);  // per chunk, their number
  const auto add = [&](int slot, int chunk) {
    rows[slot].push_back({chunk, 1});
    ++owners[chunk];
  };
  for (int slot = 0; slot < n; ++slot) {
    for (int chunk = 0; chunk < n; ++chunk) {
      if (random.Uniform() < probability) add(slot, chunk);
    }
  }
  for (int chunk = 0; chunk < n; ++chunk) {
    if (owners[chunk] == 0) add(random.Below(n), chunk);
  }
  for (int slot = 0; slot < n; ++slot) {
    if (rows[slot].empty()) add(slot, random.Below(n));
    std::sort(rows[slot].begin(), rows[slot].end(),
              [](const Term& a, const Term& b) { return a.chunk < b.chunk; });
  }
  return MakeLeastSquaresCode({.name = kBernoulliCode.name,
                               .chunks = n,
                               .rows = std::move(rows),
                               .s = valid.s,
                               .unbiased = valid.unbiased});
}

constinit const CodeKind kBernoulliCode = {.name = "bernoulli",
                                           .max_slots = kMaxSparseSlots,
                                           .exact = false,
                                           .unit_weights = false,
                                           .make = MakeBernoulli};

}  // namespace gradloom
