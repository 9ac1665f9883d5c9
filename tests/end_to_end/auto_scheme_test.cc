// How lanes share the fleet, and `scheme: auto`, with real processes: every arrangement ends in the
// same bits, auto switches while the run goes on, and a run that is killed goes through its journal
// again to the same bits.
#include <signal.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/summary.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kRunFile[] = R"(
seed: 7
data:
  train: {glyphs: {count: 1500}}
  test: {glyphs: {first: 3000, count: 200}}
workload:
  mlp: {hidden: [16]}
training: {batch_size: 300, jobs: 30, evaluate_every: 0}
sweep: {grid: {optimizer.learning_rate: [0.001, 0.002, 0.004, 0.008]}}
scheme: {slots: 8, gc: {s: 1}}
checkpoint: {every_jobs: 4}
straggle: {exponential: {base: 2ms, mean: 8ms}}
)";

class AutoScheme : public ::testing::Test {
 protected:
  AutoScheme() { WriteText(folder_ / "run.yaml", kRunFile); }

  std::vector<std::string> Command(const std::string& output,
                                   const std::vector<std::string>& more) const {
    std::vector<std::string> argv = {
        GRADLOOM, "run", folder_ / "run.yaml", "--output", folder_ / output, "--workers", "8"};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }
  Summary Finish(const std::string& output, const std::vector<std::string>& more) {
    const Outcome outcome = RunProgram(Command(output, more), folder_ / (output + ".log"), 120);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return ReadSummary(folder_ / output / "summary.json");
  }
  // The journal of run 1.
  std::string Journal(const std::string& output) const {
    return ReadText(folder_ / output / "state" / "runs" / "1" / "schedule.json");
  }

  TestFolder folder_;
};

TEST_F(AutoScheme, ArrangementsDoNotChangeWhatIsComputed) {
  const Summary woven = Finish("woven", {});
  ASSERT_THAT(woven.sha256, SizeIs(4));
  const Summary overlap = Finish("overlap", {"--set", "fleet.arrangement=overlap"});
  EXPECT_EQ(overlap.sha256, woven.sha256);
  EXPECT_EQ(Finish("gang", {"--set", "fleet.arrangement=gang"}).sha256, woven.sha256);
  // Two slots a trial under s = 1 compute all of a job each: other parts, hence other last bits,
  // but the same whoever straggles.
  const Summary split = Finish("split", {"--set", "fleet.arrangement=split:4"});
  const Summary calm =
      Finish("calm", {"--set", "fleet.arrangement=split:4", "--set", "straggle={}"});
  EXPECT_EQ(split.sha256, calm.sha256);
  EXPECT_NE(split.sha256, woven.sha256);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(split.loss[i], woven.loss[i], 1e-3);
}

TEST_F(AutoScheme, AnUnknownArrangementIsRefused) {
  const Outcome outcome =
      RunProgram(Command("bad", {"--set", "fleet.arrangement=ring"}), folder_ / "bad.log");
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.output, HasSubstr("fleet.arrangement"));
  EXPECT_THAT(outcome.output, HasSubstr("overlap"));
}

TEST_F(AutoScheme, AutoEndsAsTheJournalSaysEvenWhenKilled) {
  Process run(Command("auto", {"--set", "scheme={slots: 8, auto: {}}"}), folder_ / "auto.log");
  ASSERT_TRUE(Await([&] { return NewestCheckpoint(folder_ / "auto" / "state") >= 3; }))
      << run.Output();
  const pid_t coordinator = FindChild(run.pid(), {"gradloom-coordinator"});
  ASSERT_GT(coordinator, 0);
  ASSERT_EQ(kill(coordinator, SIGKILL), 0);
  ASSERT_EQ(run.Wait(120), 0) << run.Output();
  const Summary first = ReadSummary(folder_ / "auto" / "summary.json");
  EXPECT_GE(first.resumes, 1u);
  const std::string journal = Journal("auto");
  EXPECT_THAT(journal, HasSubstr("\"why\": \"nothing is known\""));

  // The same journal from the first job on: the same bits, with other delays.
  WriteText(folder_ / "schedule.json", journal);
  const Summary replayed =
      Finish("replay", {"--set", "scheme={slots: 8, auto: {replay: schedule.json}}", "--set",
                        "straggle={exponential: {base: 1ms, mean: 20ms}}"});
  EXPECT_EQ(replayed.sha256, first.sha256);
}

TEST_F(AutoScheme, WhatARunSawTellsTheNext) {
  Finish("probe", {"--set", "scheme={slots: 8, uncoded: {}}"});
  const std::string invocations = folder_ / "probe" / "invocations.csv";
  const Outcome tuned = RunProgram({GRADLOOM, "tune", "--probe", invocations, "--trials", "4"},
                                   folder_ / "tune.log", 120);
  EXPECT_EQ(tuned.code, 0) << tuned.output;
  EXPECT_THAT(tuned.output, HasSubstr("8 slots, 25 jobs of 4 trials"));
  EXPECT_THAT(tuned.output, HasSubstr("arrangement:"));
  Finish("told", {"--set", "scheme={slots: 8, auto: {probe: probe/invocations.csv}}"});
  EXPECT_THAT(Journal("told"), HasSubstr("\"why\": \"the profile that was given\""));
  EXPECT_THAT(ReadText(folder_ / "told.log"), HasSubstr("of the data over the fleet"));
}

// From multi_message to codes and back, in the middle of the run: as fast or slow as may be, with a
// kill, the same bits.
TEST_F(AutoScheme, SwitchesOfAJournalDoNotDependOnTheMoment) {
  constexpr char kJournal[] = R"({"decisions": [
    {"scheme": "multi_message", "closing": "first_decodable", "arrangement": "gang",
     "lanes": [0, 1, 2, 3], "first_job": [0, 0, 0, 0]},
    {"scheme": "gc:s=1", "closing": "first_decodable", "arrangement": "split:4",
     "lanes": [0, 1, 2, 3], "first_job": [8, 8, 9, 8]},
    {"scheme": "m_sgc:b=1,w=2,lambda=3", "closing": "mu:1", "arrangement": "woven",
     "lanes": [0, 1, 2, 3], "first_job": [15, 15, 15, 16]},
    {"scheme": "multi_message:reach=4", "closing": "first_decodable", "arrangement": "overlap",
     "lanes": [0, 1, 2, 3], "first_job": [22, 22, 22, 22]}]})";
  WriteText(folder_ / "schedule.json", kJournal);
  const std::vector<std::string> replay = {"--set",
                                           "scheme={slots: 8, auto: {replay: schedule.json}}"};
  const Summary first = Finish("first", replay);
  ASSERT_THAT(first.sha256, SizeIs(4));
  std::vector<std::string> slow = replay;
  slow.insert(slow.end(), {"--set", "straggle={exponential: {base: 5ms, mean: 20ms}}"});
  Process run(Command("killed", slow), folder_ / "killed.log");
  ASSERT_TRUE(Await([&] { return NewestCheckpoint(folder_ / "killed" / "state") >= 3; }))
      << run.Output();
  const pid_t worker = FindChild(run.pid(), {"--name", "worker-1"});
  ASSERT_GT(worker, 0) << run.Output();
  ASSERT_EQ(kill(worker, SIGKILL), 0);
  const pid_t coordinator = FindChild(run.pid(), {"gradloom-coordinator"});
  ASSERT_GT(coordinator, 0);
  ASSERT_EQ(kill(coordinator, SIGKILL), 0);
  ASSERT_EQ(run.Wait(120), 0) << run.Output();
  EXPECT_EQ(ReadSummary(folder_ / "killed" / "summary.json").sha256, first.sha256);
}

}  // namespace
}  // namespace gradloom
