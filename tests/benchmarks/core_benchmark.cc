// Events per second of the coordinator's state machine with (n, s) fractional repetition, driven by
// the simulator: its virtual clock and its queue are in the time. One event is a reply, a dropped
// task's estimate, a job's completion, or a timer. A burstily straggling fleet, so that rounds are
// closed early, tasks are dropped, and late answers come.
#include <string>

#include "benchmark/benchmark.h"
#include "coding/usual_choices.h"
#include "coordinator/simulation/simulator.h"

namespace gradloom {
namespace {

constexpr double kTarget = 200000;  // events per second

CorePlan Plan(int slots, int s, int64_t jobs) {
  CorePlan plan;
  plan.slots = slots;
  plan.lanes.push_back({jobs, 0});
  WeavePlan weave;
  weave.scheme = *MakeScheme(CodeTolerating(s, slots));
  weave.closing = *MakeClosingRule({});
  weave.lanes = {0};
  for (int slot = 0; slot < slots; ++slot) weave.slots.push_back(slot);
  plan.weaves.push_back(std::move(weave));
  return plan;
}

void CoreEvents(benchmark::State& state) {
  const int slots = static_cast<int>(state.range(0));
  const int s = static_cast<int>(state.range(1));
  const int64_t jobs = state.range(2);
  GeneratedDelays spec;
  spec.kind = GeneratedDelays::Kind::kGilbertElliott;
  const std::unique_ptr<DelayModel> delays = *MakeGeneratedDelays(spec);
  int64_t events = 0;
  for (auto _ : state) {
    state.PauseTiming();
    CorePlan plan = Plan(slots, s, jobs);
    state.ResumeTiming();
    const absl::StatusOr<SimulationResult> result = Simulate(std::move(plan), *delays, {});
    if (!result.ok()) {
      state.SkipWithError(std::string(result.status().message()).c_str());
      return;
    }
    events += result->events;
  }
  state.counters["events/s"] =
      benchmark::Counter(static_cast<double>(events), benchmark::Counter::kIsRate);
  state.counters["of target"] =
      benchmark::Counter(static_cast<double>(events) / kTarget, benchmark::Counter::kIsRate);
}
BENCHMARK(CoreEvents)
    ->ArgNames({"n", "s", "jobs"})
    ->Args({256, 3, 200})
    ->Args({10000, 9, 10})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gradloom
