#include "coding/codes/cyclic.h"

#include <algorithm>
#include <utility>

#include "Eigen/Core"
#include "Eigen/LU"
#include "coding/codes/code_math.h"
#include "coding/codes/code_random.h"
#include "coding/codes/dense_code.h"

namespace gradloom {

std::unique_ptr<GradientCode> MakeCyclic(const CodeParameters& valid) {
  const int n = valid.slots, s = valid.s;
  CodeRandom random(valid.seed);
  Eigen::MatrixXd h(s, n);
  for (int row = 0; row < s; ++row) {
    for (int column = 0; column + 1 < n; ++column) h(row, column) = random.Gaussian();
    h(row, n - 1) = -h.row(row).head(n - 1).sum();
  }
  DenseCodeSpec spec{.name = kCyclicCode.name, .denominator = n, .chunks = EqualChunks(n), .s = s};
  Eigen::MatrixXd rest(s, s);
  for (int slot = 0; slot < n; ++slot) {
    std::vector<Term> row = {{slot, 1}};
    if (s > 0) {
      for (int i = 0; i < s; ++i) rest.col(i) = h.col((slot + 1 + i) % n);
      const Eigen::VectorXd solution = rest.partialPivLu().solve(-h.col(slot));
      for (int i = 0; i < s; ++i) row.push_back({(slot + 1 + i) % n, solution[i]});
    }
    std::sort(row.begin(), row.end(),
              [](const Term& a, const Term& b) { return a.chunk < b.chunk; });
    spec.rows.push_back(std::move(row));
  }
  return MakeDenseCode(std::move(spec));
}

constinit const CodeKind kCyclicCode = {.name = "cyclic",
                                        .max_slots = kMaxDenseSlots,
                                        .max_work = kMaxDenseWork,
                                        .exact = true,
                                        .unit_weights = false,
                                        .make = MakeCyclic};

}  // namespace gradloom
