// The run's loop in a cluster in which everything goes wrong that may, from seeds. A seed that
// fails is printed; `GRADLOOM_SIMULATION_SEEDS=17 run_loop_simulation_test` plays it, and 1000-9999
// many. One that has failed once stays below as a test of its own name.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "coordinator/store/atomic_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/ops/logging.h"
#include "tests/simulation/arrangements.h"

namespace gradloom {
namespace {

using ::testing::IsEmpty;

const bool kQuiet = SetUpLogging("simulation", "text", "off").ok();

// 1 to `count`, or what the environment says.
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

void ExpectCloseTo(const Outcome& undisturbed, const Outcome& outcome) {
  ASSERT_EQ(outcome.parameters.size(), undisturbed.parameters.size());
  for (size_t i = 0; i < outcome.parameters.size(); ++i) {
    EXPECT_NEAR(outcome.parameters[i], undisturbed.parameters[i],
                1e-3 * (1 + std::fabs(undisturbed.parameters[i])));
  }
}

class RunLoopSimulation : public testing::TestWithParam<Scenario> {
 protected:
  // Safe at every step; and live: the run succeeds within its bound.
  void PlayAll(const Faults& faults, uint64_t count) {
    Scenario scenario = GetParam();
    AddOthers(&scenario);
    scenario.faults = faults;
    PlayAll(scenario, count);
  }
  void PlayAll(const Scenario& scenario, uint64_t count) {
    // What takes longest to play.
    if (scenario.name == "GcOfLongReplies") count = (count + 3) / 4;
    if (scenario.name == "Auto") count = (count + 7) / 8;
    const Stage stage(scenario);
    ASSERT_EQ(stage.undisturbed.state, v1::SUCCEEDED) << Told(scenario, 1, stage.undisturbed);
    for (const uint64_t seed : Seeds(count)) {
      const Outcome outcome = stage.Play(seed);
      ASSERT_THAT(outcome.unsafe, IsEmpty()) << Told(scenario, seed, outcome);
      ASSERT_EQ(outcome.state, v1::SUCCEEDED) << Told(scenario, seed, outcome);
      if (!scenario.same_bits) ExpectCloseTo(stage.undisturbed, outcome);
    }
  }
};

TEST_P(RunLoopSimulation, WhateverWorkersDo) { PlayAll(Mixed(false), 24); }
TEST_P(RunLoopSimulation, CrashesOfTheCoordinatorToo) { PlayAll(Mixed(true), 24); }
TEST_P(RunLoopSimulation, CrashesInAStorm) { PlayAll(Storm(), 8); }

// It is heard of and answers nothing, from beginning to end. Whenever it is back from its rest it
// is waited for: ten times as long as the longest answer of late, so nobody else hangs here.
TEST_P(RunLoopSimulation, WithOneThatNeverAnswers) {
  Scenario scenario = GetParam();
  AddOthers(&scenario);
  scenario.workers[0].mute = true;
  scenario.faults = Mixed(false);
  scenario.faults.hangs = scenario.faults.freezes = 0;
  scenario.faults.stale = 0;
  scenario.bound = 600;
  PlayAll(scenario, 8);
}

INSTANTIATE_TEST_SUITE_P(All, RunLoopSimulation, testing::ValuesIn(Arrangements()),
                         [](const auto& info) { return info.param.name; });

// What is drawn must also happen: a fault that never strikes proves nothing.
TEST(RunLoopSimulationTest, EveryFaultStrikes) {
  std::map<std::string, int> counts;
  for (const char* name : {"Gc", "GcOfLongReplies", "MSgc"}) {
    Scenario scenario = ArrangementOf(name);
    AddOthers(&scenario);
    scenario.faults = Storm();
    const Stage stage(scenario);
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      for (const auto& [what, times] : stage.Play(seed).counts) counts[what] += times;
    }
  }
  for (const char* what :
       {"death", "cut", "silence", "crash", "stop", "checkpoint restored", "further attempt",
        "drop", "event unfit", "event tick", "reply OK", "reply NOT_FOUND",
        "reply PERMISSION_DENIED", "reply INVALID_ARGUMENT", "reply to an earlier life",
        "reply of an earlier connection", "reply over before its last frame", "worker rested"}) {
    EXPECT_GE(counts[what], 3) << what;
  }
}

TEST(RunLoopSimulationTest, ASeedPlayedTwiceIsTheSameStepByStep) {
  std::set<uint32_t> checksums;
  for (const char* name : {"Gc", "MSgc", "Gang", "GcCyclic"}) {
    Scenario scenario = ArrangementOf(name);
    AddOthers(&scenario);
    scenario.faults = Storm();
    const Stage stage(scenario);
    for (const uint64_t seed : {1, 2}) {
      const Outcome once = stage.Play(seed);
      const Outcome again = stage.Play(seed);
      EXPECT_GT(once.steps, 200);
      EXPECT_EQ(once.steps, again.steps) << Told(scenario, seed, again);
      EXPECT_EQ(once.checksum, again.checksum) << Told(scenario, seed, again);
      EXPECT_EQ(once.parameters, again.parameters);
      checksums.insert(once.checksum);
    }
  }
  EXPECT_EQ(checksums.size(), 8u) << "other seeds, other traces";
}

// What auto decides depends on time, so only its own journal says what the bits must be: a run that
// follows it, undisturbed, has those of the one that crashed on its way.
TEST(RunLoopSimulationTest, WhatAutoDecidedInAStormIsRepeatedFromItsJournal) {
  Scenario scenario = ArrangementOf("Auto");
  scenario.faults = Mixed(true);
  const Stage stage(scenario);
  int switches = 0;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const Outcome lived = stage.Play(seed);
    ASSERT_EQ(lived.state, v1::SUCCEEDED) << Told(scenario, seed, lived);
    if (seed == 1) {
      EXPECT_EQ(stage.Play(seed).checksum, lived.checksum) << "the same, played twice";
    }
    Scenario replay = TwoTrials("Replay", "{slots: 4, auto: {replay: journal.json}}");
    SimulatedCluster cluster(replay, SimulatedRun::Of(replay), seed, nullptr);
    ASSERT_TRUE(WriteFileAtomically(cluster.disk(), "/run/journal.json", lived.journal).ok());
    const Outcome followed = cluster.Run();
    ASSERT_EQ(followed.state, v1::SUCCEEDED) << Told(replay, seed, followed);
    EXPECT_EQ(followed.parameters, lived.parameters) << Told(replay, seed, followed);
    switches += static_cast<int>(followed.status.scheme_switches());
  }
  EXPECT_GE(switches, 3);
}

}  // namespace
}  // namespace gradloom
