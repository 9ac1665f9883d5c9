// Planning cost alone: rounds of StartRound, Receive for each reply with a verdict after it,
// Decode and CloseRound, with a few stragglers. items/s are replies/s.
#include "benchmark/benchmark.h"
#include "coding/scheme_kind.h"

namespace gradloom {
namespace {

void Loop(benchmark::State& state, absl::string_view text, int slots) {
  auto scheme = *MakeScheme(OverSlots(*ParseScheme(text), slots));
  int64_t replies = 0;
  int64_t closed = 0;
  for (auto _ : state) {
    const int64_t round = scheme->rounds();
    for (const MiniTask& task : scheme->StartRound(true)) {
      if ((task.slot + round) % 128 == 0) continue;  // n / 128 stragglers
      scheme->Receive(task);
      ++replies;
      closed += scheme->Verdict().may_close();
    }
    const int64_t due = round - scheme->delay();
    if (due >= 0) {
      benchmark::DoNotOptimize(scheme->Decode(due));
      scheme->CloseRound();
      scheme->Forget(due);
    } else {
      scheme->CloseRound();
    }
  }
  benchmark::DoNotOptimize(closed);
  state.SetItemsProcessed(replies);
  state.SetLabel(scheme->description());
}

BENCHMARK_CAPTURE(Loop, gc_256, "gc:s=15", 256);
BENCHMARK_CAPTURE(Loop, sr_sgc_256, "sr_sgc:b=2,w=3,lambda=23", 256);
BENCHMARK_CAPTURE(Loop, m_sgc_256, "m_sgc:b=1,w=2,lambda=27", 256);
BENCHMARK_CAPTURE(Loop, m_sgc_256_long, "m_sgc:b=2,w=5,lambda=31", 256);
BENCHMARK_CAPTURE(Loop, gc_10000, "gc:s=199", 10000);

}  // namespace
}  // namespace gradloom
