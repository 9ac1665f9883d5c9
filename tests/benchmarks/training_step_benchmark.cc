// A training step against the machine's limits, as ratios of rates measured in turns in one run:
//   gemm_over_eigen      the matrix products of a 784-256-10 MLP's sub-batch, forward and backward,
//                        over Eigen's own 1024 x 1024 product at the same level (wanted: >= 0.7)
//   sum_over_memory      y += x, and y += a x, of long vectors over memcpy, both in bytes read and
//                        written per second (wanted: >= 0.8)
// Times are the thread's processor time, the best of several turns, so that neighbours on a shared
// machine disturb less.
#include <time.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "models/kernels/kernels.h"
#include "models/workloads/workload.h"

namespace gradloom {

namespace peak {
void baseline(long n, const float* a, const float* b, float* c);
void v3(long n, const float* a, const float* b, float* c);
void v4(long n, const float* a, const float* b, float* c);
}  // namespace peak

namespace {

double ProcessorSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Seconds of one call, over a turn of about 20 ms.
template <typename Work>
double Turn(const Work& work) {
  const double start = ProcessorSeconds();
  int calls = 0;
  double seconds = 0;
  do {
    work();
    ++calls;
    seconds = ProcessorSeconds() - start;
  } while (seconds < 0.02);
  return seconds / calls;
}

constexpr int kTurns = 12;

using EigenProduct = void (*)(long, const float*, const float*, float*);

EigenProduct EigenOf(const std::string& level) {
#ifdef GRADLOOM_X86_LEVELS
  if (level == "x86-64-v3") return &peak::v3;
  if (level == "x86-64-v4") return &peak::v4;
#endif
  return &peak::baseline;
}

void BM_StepGemmAgainstEigen(benchmark::State& state, const std::string& level) {
  const Kernels& k = *KernelsOfLevel(level);
  const EigenProduct eigen = EigenOf(level);
  constexpr int64_t kSquare = 1024, kBatch = 128, kIn = 784, kHidden = 256, kOut = 10;
  const std::vector<float> a(kSquare * kSquare, 0.5f), b(kSquare * kSquare, 0.25f);
  const std::vector<float> x(kBatch * kIn, 0.5f), w1(kHidden * kIn, 0.01f),
      w2(kOut * kHidden, 0.1f);
  std::vector<float> c(kSquare * kSquare), hidden(kBatch * kHidden), out(kBatch * kOut),
      slope(kBatch * kHidden), dw1(w1.size()), dw2(w2.size());
  const auto step = [&] {
    k.gemm(false, true, kBatch, kHidden, kIn, x.data(), kIn, w1.data(), kIn, false, hidden.data(),
           kHidden);
    k.gemm(false, true, kBatch, kOut, kHidden, hidden.data(), kHidden, w2.data(), kHidden, false,
           out.data(), kOut);
    k.gemm(true, false, kOut, kHidden, kBatch, out.data(), kOut, hidden.data(), kHidden, true,
           dw2.data(), kHidden);
    k.gemm(false, false, kBatch, kHidden, kOut, out.data(), kOut, w2.data(), kHidden, false,
           slope.data(), kHidden);
    k.gemm(true, false, kHidden, kIn, kBatch, slope.data(), kHidden, x.data(), kIn, true,
           dw1.data(), kIn);
  };
  const double step_flops = 2.0 * kBatch * (2 * kIn * kHidden + 3 * kHidden * kOut);
  const double square_flops = 2.0 * kSquare * kSquare * kSquare;
  double step_seconds = 1e9, square_seconds = 1e9;
  for (auto _ : state) {
    for (int turn = 0; turn < kTurns; ++turn) {
      square_seconds =
          std::min(square_seconds, Turn([&] { eigen(kSquare, a.data(), b.data(), c.data()); }));
      step_seconds = std::min(step_seconds, Turn(step));
    }
  }
  state.counters["eigen_gflops"] = square_flops / square_seconds * 1e-9;
  state.counters["step_gflops"] = step_flops / step_seconds * 1e-9;
  state.counters["gemm_over_eigen"] = step_flops / step_seconds / (square_flops / square_seconds);
}

void BM_SumAgainstMemory(benchmark::State& state, const std::string& level, bool scaled) {
  const Kernels& k = *KernelsOfLevel(level);
  const int64_t count = state.range(0);
  std::vector<float> x(count, 0.5f), y(count, 0.25f);
  const auto bytes = static_cast<double>(count) * sizeof(float);
  double copy_seconds = 1e9, sum_seconds = 1e9;
  for (auto _ : state) {
    for (int turn = 0; turn < kTurns; ++turn) {
      copy_seconds = std::min(copy_seconds, Turn([&] {
                                std::memcpy(y.data(), x.data(), count * sizeof(float));
                                benchmark::ClobberMemory();
                              }));
      sum_seconds = std::min(sum_seconds, Turn([&] {
                               if (scaled) {
                                 k.axpy(count, 1e-3f, x.data(), y.data());
                               } else {
                                 k.add(count, x.data(), y.data());
                               }
                             }));
    }
  }
  state.counters["copy_GBps"] = 2 * bytes / copy_seconds * 1e-9;
  state.counters["sum_GBps"] = 3 * bytes / sum_seconds * 1e-9;
  state.counters["sum_over_memory"] = 3 / sum_seconds / (2 / copy_seconds);
}

// A whole sub-batch through the level in use.
void BM_AddSum(benchmark::State& state, v1::Activation activation) {
  v1::WorkloadSpec spec;
  spec.mutable_mlp()->add_hidden(256);
  spec.mutable_mlp()->set_activation(activation);
  DatasetInfo info;
  info.features = 784;
  info.classes = 10;
  const auto workload = *MakeWorkload(spec, info);
  Examples batch;
  batch.rows = workload->sub_batch();
  batch.features = info.features;
  batch.dense.assign(batch.rows * batch.features, 0.3f);
  batch.targets.assign(batch.rows, 3);
  std::vector<int64_t> ids(batch.rows);
  std::iota(ids.begin(), ids.end(), 0);
  std::vector<float> parameters(workload->parameters()), sum(workload->lanes()[0].reply.length());
  workload->Initialise(1, 0, parameters);
  for (auto _ : state) {
    if (!workload->AddSum({.segments = {parameters}, .seed = 1, .job = 0}, batch, ids, sum).ok())
      state.SkipWithError("AddSum");
  }
  state.counters["examples"] =
      benchmark::Counter(static_cast<double>(batch.rows) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
  state.SetLabel(kernels().level);
}

const bool registered = [] {
  for (const std::string& level : AvailableIsaLevels()) {
    benchmark::RegisterBenchmark(("BM_StepGemmAgainstEigen/" + level).c_str(),
                                 BM_StepGemmAgainstEigen, level)
        ->Iterations(1);
  }
  const std::string best = AvailableIsaLevels().back();
  for (const bool scaled : {false, true}) {
    benchmark::RegisterBenchmark(scaled ? "BM_AxpyAgainstMemory" : "BM_AddAgainstMemory",
                                 BM_SumAgainstMemory, best, scaled)
        ->Arg(1 << 20)
        ->Arg(1 << 24)
        ->Iterations(1);
  }
  return true;
}();

BENCHMARK_CAPTURE(BM_AddSum, mlp_784_256_10_relu, v1::RELU);
BENCHMARK_CAPTURE(BM_AddSum, mlp_784_256_10_gelu, v1::GELU);

}  // namespace
}  // namespace gradloom
