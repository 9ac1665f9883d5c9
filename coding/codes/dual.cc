#include "coding/codes/dual.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "Eigen/Core"
#include "Eigen/LU"
#include "coding/codes/code_math.h"
#include "coding/codes/code_random.h"
#include "coding/codes/dense_code.h"
#include "coding/codes/null_space.h"

namespace gradloom {
namespace {

using Eigen::MatrixXd;

constexpr int kSeeds = 12;
constexpr int kRandomSets = 300;  // straggler sets to judge a draw by
constexpr int kContiguousSets = 50;
// Floating-point operations that the seed search may take: fewer seeds for huge codes.
constexpr double kSearchWork = 4e9;

struct Draw {
  MatrixXd c;
  CodeRows rows;
};

Draw DrawCode(const DualSupport& support, int s, CodeRandom& random) {
  Draw draw{MatrixXd(s + 1, support.slots), CodeRows(support.slots)};
  for (double& entry : draw.c.reshaped()) entry = random.Gaussian();
  MatrixXd square(s + 1, s + 1);
  for (size_t chunk = 0; chunk < support.chunks.size(); ++chunk) {
    const std::vector<int>& owners = support.owners[chunk];
    for (int i = 0; i <= s; ++i) square.col(i) = draw.c.col(owners[i]);
    const Eigen::VectorXd column = square.partialPivLu().solve(Eigen::VectorXd::Ones(s + 1));
    for (int i = 0; i <= s; ++i) {
      draw.rows[owners[i]].push_back({static_cast<int32_t>(chunk), column[i]});
    }
  }
  // A row's scale is free: root mean square 1 keeps replies in the range of a plain chunk sum.
  for (int slot = 0; slot < support.slots; ++slot) {
    std::vector<Term>& row = draw.rows[slot];
    double squares = 0;
    for (const Term& term : row) squares += term.coefficient * term.coefficient;
    const double scale =
        std::copysign(std::sqrt(squares / static_cast<double>(row.size())), row[0].coefficient);
    for (Term& term : row) term.coefficient /= scale;
    draw.c.col(slot) *= scale;
  }
  return draw;
}

// Straggler sets of size s to judge draws by: contiguous ones, as when a machine or a rack with
// neighbouring slots goes, and random ones.
std::vector<std::vector<int>> SampleStragglers(int n, int s, uint64_t seed) {
  std::vector<std::vector<int>> sets;
  std::vector<int> slots(n);
  std::iota(slots.begin(), slots.end(), 0);
  const int contiguous = std::min(n, kContiguousSets);
  for (int i = 0; i < contiguous; ++i) {
    const int first = static_cast<int>(static_cast<int64_t>(i) * n / contiguous);
    std::vector<int>& set = sets.emplace_back();
    for (int j = 0; j < s; ++j) set.push_back((first + j) % n);
  }
  CodeRandom random(seed, kSeeds);  // a stream that no draw uses
  for (int i = 0; i < kRandomSets; ++i) {
    random.Shuffle(std::span(slots));
    sets.emplace_back(slots.begin(), slots.begin() + s);
  }
  return sets;
}

// The amplification that one straggler set in ten exceeds. Amplifications A are distributed like
// the inverse of a random determinant, with P(A > x) falling as 1/x far out: a moderate quantile
// tells how heavy that tail is much more reliably than the largest of few samples.
double TypicalWorstAmplification(const Draw& draw, const DualSupport& support,
                                 const std::vector<std::vector<int>>& sets) {
  const std::vector<double> norms = RowNorms(draw.rows, support.chunks, support.denominator);
  const Eigen::Map<const Eigen::RowVectorXd> scale(norms.data(), support.slots);
  const NullSpaceDecoder decoder =
      NullSpaceDecoder::FromDual(draw.c.array().rowwise() * scale.array());
  std::vector<double> amplifications;
  for (const std::vector<int>& set : sets) {
    const double amplification = decoder.Solve(set).norm();
    amplifications.push_back(
        std::isfinite(amplification) ? amplification : std::numeric_limits<double>::infinity());
  }
  const auto quantile = amplifications.end() - 1 - std::ssize(amplifications) / 10;
  std::nth_element(amplifications.begin(), quantile, amplifications.end());
  return *quantile;
}

int SeedsToTry(int n, int s) {
  if (s == 0) return 1;  // B is the identity, whatever the draw
  const double size = s + 1;
  const double work = n * size * size * size + 2.0 * kRandomSets * size * size * (n + size);
  return std::clamp(static_cast<int>(kSearchWork / work), 1, kSeeds);
}

// Load of each slot in units of 1/denominator, at most denominator each, summing to (s+1) x
// denominator.
std::vector<int64_t> BalancedLoads(std::vector<double> throughput, int s, int64_t denominator) {
  const int n = static_cast<int>(throughput.size());
  const double mean = std::accumulate(throughput.begin(), throughput.end(), 0.0) / n;
  for (double& speed : throughput) speed = std::max(speed / mean, 1e-3);

  // Fastest first: whoever would exceed all of the data gets all of it, and the others share what
  // is left.
  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return throughput[a] > throughput[b]; });
  double speed_left = std::accumulate(throughput.begin(), throughput.end(), 0.0);
  double load_left = s + 1;
  std::vector<double> load(n);
  for (int i = 0; i < n; ++i) {
    const int slot = order[i];
    load[slot] = std::min(1.0, load_left * throughput[slot] / speed_left);
    load_left -= load[slot];
    speed_left -= throughput[slot];
  }

  std::vector<int64_t> units(n);
  double sum = 0;
  int64_t end = 0;
  for (int slot = 0; slot < n; ++slot) {
    sum += load[slot];
    const int64_t next = slot + 1 == n ? (s + 1) * denominator
                                       : std::llround(sum * static_cast<double>(denominator));
    units[slot] = next - end;
    end = next;
  }
  // Rounding may have left a full slot one unit too many; the next one has room, or is full too
  // and passes it on.
  for (int pass = 0; pass < 2; ++pass) {
    for (int slot = 0; slot < n; ++slot) {
      const int64_t surplus = std::max<int64_t>(0, units[slot] - denominator);
      units[slot] -= surplus;
      units[(slot + 1) % n] += surplus;
    }
  }
  return units;
}

}  // namespace

std::unique_ptr<GradientCode> MakeDualCode(absl::string_view name, const DualSupport& support,
                                           int s, uint64_t seed) {
  const std::vector<std::vector<int>> sets = SampleStragglers(support.slots, s, seed);
  const int seeds = SeedsToTry(support.slots, s);
  CodeRows best_rows;
  double best = 0;
  for (int attempt = 0; attempt < seeds; ++attempt) {
    CodeRandom random(seed, attempt);
    Draw draw = DrawCode(support, s, random);
    const double worst = seeds == 1 ? 0 : TypicalWorstAmplification(draw, support, sets);
    if (attempt > 0 && worst >= best) continue;
    best = worst;
    best_rows = std::move(draw.rows);
  }
  return MakeDenseCode({.name = name,
                        .denominator = support.denominator,
                        .chunks = support.chunks,
                        .rows = std::move(best_rows),
                        .s = s});
}

std::unique_ptr<GradientCode> MakeDual(const CodeParameters& valid) {
  const int n = valid.slots;
  DualSupport support{.slots = n, .denominator = n, .chunks = EqualChunks(n), .owners = {}};
  for (int chunk = 0; chunk < n; ++chunk) {
    std::vector<int>& owners = support.owners.emplace_back();
    for (int i = 0; i <= valid.s; ++i) owners.push_back((chunk - i + n) % n);
    std::sort(owners.begin(), owners.end());
  }
  return MakeDualCode(kDualCode.name, support, valid.s, valid.seed);
}

std::unique_ptr<GradientCode> MakeDualBalanced(const CodeParameters& valid) {
  const int n = valid.slots;
  // Fine enough for the smallest load (1e-3 / kMaxDenseSlots) to be some units.
  constexpr int64_t kUnits = int64_t{1} << 22;
  const std::vector<int64_t> units = BalancedLoads(
      valid.throughput.empty() ? std::vector<double>(n, 1) : valid.throughput, valid.s, kUnits);
  std::vector<int64_t> ends(n);  // of the slots' loads, laid end to end
  std::partial_sum(units.begin(), units.end(), ends.begin());
  std::vector<int64_t> cuts;
  for (int64_t end : ends) cuts.push_back(end % kUnits);
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  cuts.push_back(kUnits);  // 0 is the last end's place on the circle, hence the first cut

  DualSupport support{.slots = n, .denominator = kUnits, .chunks = {}, .owners = {}};
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    support.chunks.push_back({cuts[i], cuts[i + 1]});
    std::vector<int>& owners = support.owners.emplace_back();
    for (int turn = 0; turn <= valid.s; ++turn) {
      const auto owner = std::upper_bound(ends.begin(), ends.end(), cuts[i] + turn * kUnits);
      owners.push_back(static_cast<int>(owner - ends.begin()));
    }
    std::sort(owners.begin(), owners.end());
  }
  return MakeDualCode(kDualBalancedCode.name, support, valid.s, valid.seed);
}

constinit const CodeKind kDualCode = {.name = "dual",
                                      .max_slots = kMaxDenseSlots,
                                      .max_work = kMaxDenseWork,
                                      .exact = true,
                                      .unit_weights = false,
                                      .make = MakeDual};
constinit const CodeKind kDualBalancedCode = {.name = "dual_balanced",
                                              .max_slots = kMaxDenseSlots,
                                              .max_work = kMaxDenseWork,
                                              .exact = true,
                                              .unit_weights = false,
                                              .make = MakeDualBalanced};

}  // namespace gradloom
