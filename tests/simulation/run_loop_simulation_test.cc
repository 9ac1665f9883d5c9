// The run's loop in a cluster in which everything goes wrong that may, from seeds. A seed that
// fails is printed: `GRADLOOM_SIMULATION_SEEDS=17 run_loop_simulation_test` plays it, and
// `GRADLOOM_SIMULATION_SEEDS=1000-9999` many. One that has failed once becomes a test of its own
// name below.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "coordinator/store/atomic_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/ops/logging.h"
#include "tests/simulation/simulated_cluster.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

const bool kQuiet = SetUpLogging("simulation", "text", "off").ok();

// ---- arrangements -------------------------------------------------------------------------------

std::vector<WorkerTraits> Workers(int count) {
  std::vector<WorkerTraits> workers;
  for (int i = 0; i < count; ++i) workers.push_back({.name = absl::StrCat("w", i)});
  return workers;
}

constexpr char kOneTrial[] = "training: {epochs: 8, batch_size: 16}\n";  // 24 jobs
constexpr char kTwoTrials[] =
    "training: {epochs: 5, batch_size: 16}\n"
    "trials: [{}, {optimizer: {learning_rate: 0.003}}]\n";
constexpr char kThreeTrials[] =
    "training: {epochs: 4, batch_size: 16}\n"
    "trials: [{}, {optimizer: {learning_rate: 0.003}}, {training: {epochs: 3}}]\n";

Scenario Of(const std::string& name, const char* trials, const std::string& scheme,
            const std::string& rest = "") {
  Scenario scenario;
  scenario.name = name;
  scenario.run = absl::StrCat(trials, "scheme: ", scheme, "\ncheckpoint: {every: 2s}\n", rest);
  scenario.workers = Workers(4);
  return scenario;
}

std::vector<Scenario> Arrangements() {
  std::vector<Scenario> all = {
      Of("Uncoded", kOneTrial, "{slots: 4, uncoded: {}}"),
      Of("Gc", kOneTrial, "{slots: 4, gc: {s: 1}}"),
      Of("GcOverThreeWorkers", kOneTrial, "{slots: 6, gc: {s: 1}}"),
      Of("MultiMessage", kOneTrial, "{slots: 4, multi_message: {}}"),
      Of("SrSgc", kTwoTrials, "{slots: 4, sr_sgc: {b: 1, w: 2, lambda: 2}}"),
      Of("MSgc", kThreeTrials, "{slots: 4, m_sgc: {b: 1, w: 2, lambda: 2}}"),
      Of("Overlap", kThreeTrials, "{slots: 4, gc: {s: 1}}", "fleet: {arrangement: overlap}\n"),
      Of("Gang", kTwoTrials, "{slots: 4, multi_message: {}}", "fleet: {arrangement: gang}\n"),
      Of("Split", kTwoTrials, "{slots: 4, uncoded: {}}", "fleet: {arrangement: 'split:2'}\n"),
      Of("MuRule", kOneTrial, "{slots: 4, gc: {s: 1}}", "closing: {rule: mu, mu: 1}\n"),
      Of("LongReplies", kOneTrial, "{slots: 4, gc: {s: 1}}", "wire: {frame_bytes: 4096}\n"),
      Of("Cyclic", kOneTrial, "{slots: 4, gc: {s: 1, code: cyclic}}"),
      Of("Auto", kTwoTrials, "{slots: 4, auto: {}}"),
  };
  for (Scenario& scenario : all) {
    if (scenario.name == "GcOverThreeWorkers") scenario.workers = Workers(3);
    if (scenario.name == "LongReplies") scenario.features = 2500;
    if (scenario.name == "MultiMessage") {
      for (WorkerTraits& worker : scenario.workers) worker.capacity = 2;
    }
    scenario.same_bits = scenario.name != "Cyclic" && scenario.name != "Auto";
  }
  return all;
}

// ---- faults -------------------------------------------------------------------------------------

Faults Mixed(bool coordinator) {
  return {.seconds = 20,
          .kills = 1,
          .cuts = 2,
          .freezes = 1,
          .hangs = 1,
          .late_start = 3,
          .straggles = 0.1,
          .fails = 0.03,
          .lost = 0.03,
          .twice = 0.1,
          .stale = 0.05,
          .wrong = 0.05,
          .crashes = coordinator ? 3 : 0,
          .restarts = coordinator ? 1 : 0};
}

// Beside those that are needed: one that comes late, one that cannot serve at first, one that never
// can, one of another level.
void AddOthers(Scenario* scenario) {
  scenario->workers.push_back({.name = "late"});
  scenario->workers.push_back({.name = "unfit", .unfit = "no such file", .fit_after = 8});
  scenario->workers.push_back({.name = "stranger", .unfit = "other data"});
  scenario->workers.push_back({.name = "old", .isa = "v2"});
}

// ---- playing ------------------------------------------------------------------------------------

std::vector<uint64_t> Seeds(uint64_t count) {
  uint64_t first = 1, last = count;
  if (const char* text = std::getenv("GRADLOOM_SIMULATION_SEEDS")) {
    const std::vector<std::string> ends = absl::StrSplit(text, '-');
    if (!absl::SimpleAtoi(ends.front(), &first) || !absl::SimpleAtoi(ends.back(), &last)) {
      ADD_FAILURE() << "GRADLOOM_SIMULATION_SEEDS=" << text << "; legal: N or N-M";
    }
  }
  std::vector<uint64_t> seeds;
  for (uint64_t seed = first; seed <= last; ++seed) seeds.push_back(seed);
  return seeds;
}

// What is the same for all seeds.
struct Stage {
  explicit Stage(Scenario of) : scenario(std::move(of)), run(SimulatedRun::Of(scenario)) {
    Scenario calm = scenario;
    calm.faults = {};
    calm.canary = Canary::kNone;
    undisturbed = SimulatedCluster(calm, run, 1, nullptr).Run();
    EXPECT_EQ(undisturbed.state, v1::SUCCEEDED) << undisturbed.error << undisturbed.not_live;
    EXPECT_THAT(undisturbed.unsafe, ::testing::IsEmpty()) << undisturbed.latest;
  }
  const Trajectory* expected() const {
    return scenario.same_bits ? &undisturbed.trajectory : nullptr;
  }
  Outcome Play(uint64_t seed) const {
    return SimulatedCluster(scenario, run, seed, expected()).Run();
  }
  Scenario scenario;
  std::shared_ptr<const SimulatedRun> run;
  Outcome undisturbed;
};

std::string Told(const Scenario& scenario, uint64_t seed, const Outcome& outcome) {
  return absl::StrCat(scenario.name, ", seed ", seed, ", ", outcome.lives, " lives, ",
                      outcome.seconds, " s: ", outcome.error, outcome.not_live, "\n",
                      absl::StrJoin(outcome.unsafe, "\n"), "\n", outcome.latest);
}

void ExpectSafe(const Scenario& scenario, uint64_t seed, const Outcome& outcome) {
  EXPECT_THAT(outcome.unsafe, ::testing::IsEmpty()) << Told(scenario, seed, outcome);
}

void ExpectSucceeded(const Scenario& scenario, uint64_t seed, const Outcome& outcome) {
  ExpectSafe(scenario, seed, outcome);
  EXPECT_EQ(outcome.state, v1::SUCCEEDED) << Told(scenario, seed, outcome);
}

void ExpectCloseTo(const Outcome& undisturbed, const Outcome& outcome) {
  ASSERT_EQ(outcome.parameters.size(), undisturbed.parameters.size());
  for (size_t i = 0; i < outcome.parameters.size(); ++i) {
    EXPECT_NEAR(outcome.parameters[i], undisturbed.parameters[i],
                1e-3 * (1 + std::fabs(undisturbed.parameters[i])));
  }
}

class ClusterSimulation : public testing::TestWithParam<Scenario> {
 protected:
  void PlayAll(bool coordinator) {
    Scenario scenario = GetParam();
    AddOthers(&scenario);
    scenario.faults = Mixed(coordinator);
    const Stage stage(scenario);
    for (const uint64_t seed : Seeds(24)) {
      const Outcome outcome = stage.Play(seed);
      ExpectSucceeded(scenario, seed, outcome);
      if (HasFailure()) return;
      if (!scenario.same_bits) ExpectCloseTo(stage.undisturbed, outcome);
    }
  }
};

TEST_P(ClusterSimulation, SafeAndLiveWhateverWorkersDo) { PlayAll(false); }
TEST_P(ClusterSimulation, SafeAndLiveWhereTheCoordinatorCrashesToo) { PlayAll(true); }

INSTANTIATE_TEST_SUITE_P(All, ClusterSimulation, testing::ValuesIn(Arrangements()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace gradloom
