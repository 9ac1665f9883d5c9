// How runs end that cannot go on, or that had to wait: in time, and with a message that names who.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/ops/logging.h"
#include "tests/simulation/arrangements.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const bool kQuiet = SetUpLogging("simulation", "text", "off").ok();
constexpr uint64_t kSeed = 3;

Scenario Ending(const std::string& scheme, const std::string& fleet) {
  return OneTrial("ending", scheme, absl::StrCat("fleet: {", fleet, "}\n"));
}

Outcome Play(const Scenario& scenario) {
  Outcome outcome = SimulatedCluster(scenario, SimulatedRun::Of(scenario), kSeed, nullptr).Run();
  EXPECT_THAT(outcome.unsafe, IsEmpty()) << Told(scenario, kSeed, outcome);
  return outcome;
}

TEST(RunEndingSimulationTest, WhereNobodyAnswersTheRoundsLimitNamesAll) {
  Scenario scenario = Ending("{slots: 4, gc: {s: 1}}", "round_timeout: 30s");
  for (WorkerTraits& worker : scenario.workers) worker.mute = true;
  const Outcome outcome = Play(scenario);
  EXPECT_EQ(outcome.state, v1::FAILED);
  EXPECT_THAT(outcome.error, AllOf(HasSubstr("round 0 is not over after 30s (fleet.round_timeout)"),
                                   HasSubstr("0 (worker w"), HasSubstr("3 (worker w")));
  EXPECT_GE(outcome.seconds, 30);
  EXPECT_LE(outcome.seconds, 32);
}

TEST(RunEndingSimulationTest, OneThatNeverAnswersIsNamedAndGoneWithout) {
  Scenario scenario = Ending("{slots: 4, uncoded: {}}", "round_timeout: 60s");
  scenario.workers[2].mute = true;
  const Outcome outcome = Play(scenario);
  EXPECT_EQ(outcome.state, v1::SUCCEEDED) << outcome.error << outcome.not_live;
  EXPECT_THAT(outcome.status.warnings(), Contains(HasSubstr("worker w2 has not answered for")));
}

TEST(RunEndingSimulationTest, OneThatFailsAtEverythingIsNamedAndGoneWithout) {
  Scenario scenario = Ending("{slots: 4, gc: {s: 1}}", "");
  scenario.workers[1].fails = "no space left on device";
  const Outcome outcome = Play(scenario);
  EXPECT_EQ(outcome.state, v1::SUCCEEDED) << outcome.error << outcome.not_live;
  EXPECT_THAT(outcome.status.warnings(), Contains(AllOf(HasSubstr("worker w1 failed at a task"),
                                                        HasSubstr("no space left on device"))));
}

TEST(RunEndingSimulationTest, WhatFailsEverywhereEndsTheRun) {
  Scenario scenario = Ending("{slots: 4, uncoded: {}}", "");
  for (WorkerTraits& worker : scenario.workers) worker.fails = "out of memory";
  const Outcome outcome = Play(scenario);
  EXPECT_EQ(outcome.state, v1::FAILED) << outcome.not_live;
  EXPECT_THAT(outcome.error, AllOf(HasSubstr("failed 5 times (limits.max_task_attempts) at w"),
                                   HasSubstr("the last time: out of memory")));
}

TEST(RunEndingSimulationTest, WhatTwoSayFailsEverywhereEndsTheRunAtOnce) {
  Scenario scenario = Ending("{slots: 4, uncoded: {}}", "");
  for (WorkerTraits& worker : scenario.workers) {
    worker.fails = "job 0, example 3: not finite";
    worker.fails_fatally = true;
  }
  const Outcome outcome = Play(scenario);
  EXPECT_EQ(outcome.state, v1::FAILED) << outcome.not_live;
  EXPECT_THAT(outcome.error, AllOf(HasSubstr("failed at w"), HasSubstr("example 3: not finite")));
  EXPECT_LE(outcome.seconds, 5);
}

TEST(RunEndingSimulationTest, WhereNobodyHasTheDataTheRunSaysSo) {
  Scenario scenario = Ending("{slots: 4, gc: {s: 1}}", "workers: 4");
  for (WorkerTraits& worker : scenario.workers) worker.unfit = "no such file";
  const Outcome outcome = Play(scenario);
  EXPECT_EQ(outcome.state, v1::FAILED);
  EXPECT_THAT(outcome.error, HasSubstr("cannot serve the run: no such file"));
  EXPECT_LE(outcome.seconds, 2);
}

TEST(RunEndingSimulationTest, AFullDiskEndsTheRunAndSaysSo) {
  const Scenario scenario = Ending("{slots: 4, gc: {s: 1}}", "");
  SimulatedCluster cluster(scenario, SimulatedRun::Of(scenario), kSeed, nullptr);
  cluster.At(1, [&] { cluster.disk().RefuseOnce(); });
  const Outcome outcome = cluster.Run();
  EXPECT_THAT(outcome.unsafe, IsEmpty()) << outcome.latest;
  EXPECT_EQ(outcome.state, v1::FAILED);
  EXPECT_THAT(outcome.error, HasSubstr("no space left on device"));
}

TEST(RunEndingSimulationTest, ARunThatIsCancelledEnds) {
  const Scenario scenario = Ending("{slots: 4, gc: {s: 1}}", "");
  SimulatedCluster cluster(scenario, SimulatedRun::Of(scenario), kSeed, nullptr);
  cluster.At(3, [&] { cluster.coordinator()->Cancel(); });
  const Outcome outcome = cluster.Run();
  EXPECT_THAT(outcome.unsafe, IsEmpty()) << outcome.latest;
  EXPECT_EQ(outcome.state, v1::CANCELLED);
  EXPECT_LE(outcome.seconds, 4);
}

// Who waits is told for whom, and waits for as long as it takes: no round's time runs without a
// worker.
TEST(RunEndingSimulationTest, AFleetThatComesLateOrIsAwayForAnHourEndsNothing) {
  Scenario scenario = Ending("{slots: 4, gc: {s: 1}}", "round_timeout: 60s");
  scenario.bound = 20000;
  for (WorkerTraits& worker : scenario.workers) worker.gone = true;
  SimulatedCluster cluster(scenario, SimulatedRun::Of(scenario), kSeed, nullptr);
  const auto all = [&](const auto& each) {
    for (int i = 0; i < 4; ++i) each(cluster.worker(i));
  };
  std::string waiting;
  cluster.At(5000, [&] { waiting = cluster.coordinator()->status().waiting_for(); });
  cluster.At(5001, [&] { all([](SimulatedWorker& worker) { worker.Start(); }); });
  cluster.At(5003, [&] { all([](SimulatedWorker& worker) { worker.Kill(); }); });
  cluster.At(8603, [&] { all([](SimulatedWorker& worker) { worker.Start(); }); });
  const Outcome outcome = cluster.Run();
  EXPECT_THAT(outcome.unsafe, IsEmpty()) << outcome.latest;
  EXPECT_EQ(outcome.state, v1::SUCCEEDED) << outcome.error << outcome.not_live;
  EXPECT_THAT(waiting, HasSubstr("workers: 0 ready of 4 expected"));
  EXPECT_GE(outcome.seconds, 8603);
}

// A run whose files were written and whose end nobody has noted ends again, without a worker.
TEST(RunEndingSimulationTest, ACrashBetweenTheFilesAndTheNoteOfTheEndTrainsNothingAnew) {
  const Scenario scenario = Ending("{slots: 4, gc: {s: 1}}", "");
  const Stage stage(scenario);
  SimulatedCluster cluster(scenario, stage.run, kSeed, stage.expected());
  bool crashed = false;
  std::function<void()> watch = [&] {
    if (crashed || cluster.coordinator() == nullptr) return;
    if (!cluster.coordinator()->finishing()) return cluster.At(0.01, watch);
    crashed = true;
    ASSERT_TRUE(cluster.coordinator()->SaveCheckpoint().ok());
    cluster.Crash();
    for (int i = 0; i < 4; ++i) cluster.worker(i).Kill();
  };
  cluster.At(0, watch);
  const Outcome outcome = cluster.Run();
  EXPECT_THAT(outcome.unsafe, IsEmpty()) << outcome.latest;
  EXPECT_TRUE(crashed);
  EXPECT_EQ(outcome.lives, 2u);
  EXPECT_EQ(outcome.state, v1::SUCCEEDED) << outcome.error << outcome.not_live;
  EXPECT_EQ(outcome.parameters, stage.undisturbed.parameters);
}

}  // namespace
}  // namespace gradloom
