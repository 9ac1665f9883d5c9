// Time to find decoding weights: the null-space method against factorising the surviving rows anew
// (in the same run, on the same patterns; `qr_over_null_space` is the ratio), and the other codes.
#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <vector>

#include "Eigen/Core"
#include "Eigen/QR"
#include "benchmark/benchmark.h"
#include "coding/codes/code_random.h"
#include "coding/codes/code_table.h"

namespace gradloom {
namespace {

using Clock = std::chrono::steady_clock;

std::unique_ptr<GradientCode> Make(absl::string_view which, int slots, int s) {
  return *MakeCode(which, {.slots = slots, .s = s});
}

// `count` patterns of `lost` random stragglers each.
std::vector<std::vector<bool>> Patterns(int slots, int lost, int count) {
  CodeRandom random(1);
  std::vector<int> order(slots);
  std::iota(order.begin(), order.end(), 0);
  std::vector<std::vector<bool>> patterns;
  for (int i = 0; i < count; ++i) {
    random.Shuffle(std::span(order));
    std::vector<bool>& received = patterns.emplace_back(slots, true);
    for (int j = 0; j < lost; ++j) received[order[j]] = false;
  }
  return patterns;
}

// The straightforward way: a^T B_F = 1^T by Householder QR of B_F^T.
double FreshQr(const Eigen::MatrixXd& b, const std::vector<bool>& received) {
  Eigen::MatrixXd a(b.cols(), std::count(received.begin(), received.end(), true));
  int column = 0;
  for (int slot = 0; slot < b.rows(); ++slot) {
    if (received[slot]) a.col(column++) = b.row(slot).transpose();
  }
  const Eigen::VectorXd weights =
      Eigen::HouseholderQR<Eigen::MatrixXd>(a).solve(Eigen::VectorXd::Ones(a.rows()));
  return weights.sum();
}

void BM_NullSpaceAgainstFreshQr(benchmark::State& state) {
  const int n = static_cast<int>(state.range(0)), s = static_cast<int>(state.range(1));
  const auto code = Make("dual", n, s);
  Eigen::MatrixXd b = Eigen::MatrixXd::Zero(n, n);
  for (int slot = 0; slot < n; ++slot) {
    for (const Term& term : code->row(slot)) b(slot, term.chunk) = term.coefficient;
  }
  const auto patterns = Patterns(n, s, 64);
  double null_space_seconds = 0, qr_seconds = 0;
  size_t next = 0;
  for (auto _ : state) {
    const std::vector<bool>& received = patterns[next++ % patterns.size()];
    const auto start = Clock::now();
    benchmark::DoNotOptimize(code->Decode(received));
    const auto middle = Clock::now();
    benchmark::DoNotOptimize(FreshQr(b, received));
    const std::chrono::duration<double> null_space = middle - start, qr = Clock::now() - middle;
    null_space_seconds += null_space.count();
    qr_seconds += qr.count();
    state.SetIterationTime(null_space.count());
  }
  state.counters["qr_ms"] = qr_seconds * 1e3 / static_cast<double>(state.iterations());
  state.counters["qr_over_null_space"] = qr_seconds / null_space_seconds;
}
BENCHMARK(BM_NullSpaceAgainstFreshQr)
    ->Args({64, 7})
    ->Args({256, 27})
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond)
    ->Iterations(500);

void BM_Decode(benchmark::State& state, absl::string_view which) {
  const int n = static_cast<int>(state.range(0)), s = static_cast<int>(state.range(1));
  const auto code = Make(which, n, s);
  const auto patterns = Patterns(n, s, 64);
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(code->Decode(patterns[next++ % patterns.size()]));
  }
}
#define GRADLOOM_DECODE(code, n, s) \
  BENCHMARK_CAPTURE(BM_Decode, code, #code)->Args({n, s})->Unit(benchmark::kMicrosecond)
GRADLOOM_DECODE(fractional_repetition, 256, 31);
GRADLOOM_DECODE(fractional_repetition, 10000, 99);
GRADLOOM_DECODE(dual_balanced, 256, 27);
GRADLOOM_DECODE(early_stop, 256, 27);
GRADLOOM_DECODE(graph, 256, 27);
GRADLOOM_DECODE(graph, 10000, 1000);
GRADLOOM_DECODE(bernoulli, 256, 27);
GRADLOOM_DECODE(pairwise_balanced, 256, 27);

void BM_Make(benchmark::State& state, absl::string_view which) {
  const int n = static_cast<int>(state.range(0)), s = static_cast<int>(state.range(1));
  for (auto _ : state) benchmark::DoNotOptimize(Make(which, n, s));
}
#define GRADLOOM_MAKE(code, n, s) \
  BENCHMARK_CAPTURE(BM_Make, code, #code)->Args({n, s})->Unit(benchmark::kMillisecond)
GRADLOOM_MAKE(fractional_repetition, 10000, 99);
GRADLOOM_MAKE(cyclic, 256, 27);
GRADLOOM_MAKE(dual, 256, 27);

}  // namespace
}  // namespace gradloom
