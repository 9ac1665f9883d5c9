// The promise of gradient coding done exactly: whatever dies or straggles, the parameters at the
// end are the same to the last bit. Real processes, real kills.
#include <signal.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/end_to_end/cluster.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/summary.h"

namespace gradloom {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kRunFile[] = R"(
seed: 7
data:
  train: {glyphs: {count: 3000}}
  test: {glyphs: {first: 3000, count: 500}}
workload:
  mlp: {hidden: [32]}
optimizer: {kind: adam, learning_rate: 0.002}
training: {batch_size: 300, jobs: 60, evaluate_every: 0}
checkpoint: {every_jobs: 4}
scheme: )";
// Slow enough for a kill to strike well before the end; the bits do not depend on it.
constexpr char kSlow[] = "straggle={fixed: {delay: 50ms}}";

class SameBits : public ::testing::TestWithParam<const char*> {
 protected:
  SameBits() { WriteText(folder_ / "run.yaml", std::string(kRunFile) + GetParam() + "\n"); }

  std::vector<std::string> Command(const std::string& output,
                                   const std::vector<std::string>& more = {}) const {
    std::vector<std::string> argv = {GRADLOOM, "run", folder_ / "run.yaml", "--output",
                                     folder_ / output};
    // The flag may stand once only.
    const bool given = std::find(more.begin(), more.end(), "--workers") != more.end();
    if (!given) argv.insert(argv.end(), {"--workers", "3"});
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }
  Summary Finish(const std::string& output, const std::vector<std::string>& more = {}) {
    const Outcome outcome = RunProgram(Command(output, more), folder_ / (output + ".log"));
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return SummaryOf(output);
  }
  Summary SummaryOf(const std::string& output) const {
    Summary summary = ReadSummary(folder_ / output / "summary.json");
    if (summary.sha256.empty()) summary.sha256 = {"no summary"};
    return summary;
  }
  bool AwaitCheckpoint(const std::string& output, int number) {
    return Await([&] { return NewestCheckpoint(folder_ / output / "state") >= number; });
  }

  TestFolder folder_;
};

TEST_P(SameBits, WhenEveryRoundIsStraggled) {
  const Summary plain = Finish("plain");
  EXPECT_THAT(plain.sha256, Each(SizeIs(64)));
  const Summary random =
      Finish("random", {"--set", "straggle={exponential: {base: 1ms, mean: 30ms}}"});
  EXPECT_EQ(random.sha256, plain.sha256);
  EXPECT_GT(random.stragglers_tolerated, 0);
  // One slot of each group, always: no round ever sees all six in time. A worker a slot, as a
  // delayed slot holds up the others of its worker.
  const Summary always = Finish(
      "always", {"--workers", "6", "--set", "straggle={fixed: {delay: 300ms}, slots: [0, 1, 2]}"});
  EXPECT_EQ(always.sha256, plain.sha256);
  EXPECT_GE(always.stragglers_tolerated, always.rounds);
  const Summary other_seed = Finish("other", {"--set", "seed=8"});
  EXPECT_NE(other_seed.sha256, plain.sha256);
}

TEST_P(SameBits, WhenWorkersAreKilledAndStartedAgain) {
  const Summary plain = Finish("plain");
  Process run(Command("killed", {"--set", kSlow}), folder_ / "killed.log");
  for (const int worker : {0, 2}) {
    ASSERT_TRUE(AwaitCheckpoint("killed", 2 + worker)) << run.Output();
    const pid_t pid = FindChild(run.pid(), {"--name", "worker-" + std::to_string(worker)});
    ASSERT_GT(pid, 0) << run.Output();
    ASSERT_EQ(kill(pid, SIGKILL), 0);
  }
  ASSERT_EQ(run.Wait(), 0) << run.Output();
  const Summary killed = SummaryOf("killed");
  EXPECT_EQ(killed.sha256, plain.sha256);
  EXPECT_GE(killed.workers_lost, 2);
}

TEST_P(SameBits, WhenTheCoordinatorIsKilledAtARandomMoment) {
  const Summary plain = Finish("plain");
  const uint32_t seed = std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937 random(seed);
  const int checkpoint = std::uniform_int_distribution<int>(1, 8)(random);
  const double wait = std::uniform_real_distribution<double>(0, 0.2)(random);
  SCOPED_TRACE("seed " + std::to_string(seed) + ": " + std::to_string(wait) +
               " s after checkpoint " + std::to_string(checkpoint));

  Process run(Command("killed", {"--set", kSlow}), folder_ / "killed.log");
  ASSERT_TRUE(AwaitCheckpoint("killed", checkpoint)) << run.Output();
  EXPECT_FALSE(Await([&] { return run.Ended(); }, wait)) << run.Output();
  const pid_t pid = FindChild(run.pid(), {"gradloom-coordinator"});
  ASSERT_GT(pid, 0) << run.Output();
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_EQ(run.Wait(), 0) << run.Output();
  const Summary killed = SummaryOf("killed");
  EXPECT_EQ(killed.sha256, plain.sha256);
  EXPECT_GE(killed.resumes, 1);
}

TEST_P(SameBits, WhenStoppedByCtrlCAndStartedAgain) {
  const Summary plain = Finish("plain");
  {
    Process run(Command("stopped", {"--set", kSlow}), folder_ / "stopped.log");
    ASSERT_TRUE(AwaitCheckpoint("stopped", 3)) << run.Output();
    run.Signal(SIGINT);
    EXPECT_EQ(run.Wait(), 130) << run.Output();
    EXPECT_EQ(SummaryOf("stopped").state, "CANCELLED");
  }
  EXPECT_GE(NewestCheckpoint(folder_ / "stopped" / "state"), 3);
  const Summary resumed = Finish("stopped", {"--set", kSlow});
  EXPECT_EQ(resumed.state, "SUCCEEDED");
  EXPECT_EQ(resumed.sha256, plain.sha256);
  EXPECT_GE(resumed.resumes, 1);
}

TEST_P(SameBits, OfTwoTrials) {
  const std::vector<std::string> two = {"--set",
                                        "sweep={grid: {optimizer.learning_rate: [0.002, 0.01]}}",
                                        "--set", "training.jobs=20"};
  const Summary plain = Finish("plain", two);
  std::vector<std::string> slow = two;
  slow.insert(slow.end(), {"--set", "straggle={exponential: {base: 1ms, mean: 30ms}}"});
  const Summary straggled = Finish("straggled", slow);
  ASSERT_THAT(plain.sha256, SizeIs(2));
  EXPECT_NE(plain.sha256[0], plain.sha256[1]);
  EXPECT_EQ(straggled.sha256, plain.sha256);
}

TEST_P(SameBits, OfSeparateProgramsWithAnotherNumberOfWorkers) {
  const Summary plain = Finish("plain");
  Cluster cluster(folder_);
  cluster.AddWorker("a");
  cluster.AddWorker("b");
  const auto gradloom = [&](const std::vector<std::string>& words) {
    return cluster.Gradloom(words);
  };
  const Outcome submitted =
      gradloom({"submit", folder_ / "run.yaml", "--set", "fleet.gather=500ms"});
  ASSERT_EQ(submitted.code, 0) << submitted.output;
  const Outcome watched = gradloom({"watch", "1"});
  EXPECT_EQ(watched.code, 0) << watched.output;
  EXPECT_THAT(watched.output, HasSubstr(plain.sha256[0]));
  EXPECT_THAT(gradloom({"status", "1"}).output, HasSubstr(plain.sha256[0]));
  const Outcome fetched = gradloom({"fetch", "1", "--output", folder_ / "fetched"});
  EXPECT_EQ(fetched.code, 0) << fetched.output;
  EXPECT_EQ(ReadText(folder_ / "fetched" / "trial-0.safetensors"),
            ReadText(folder_ / "plain" / "trial-0.safetensors"));

  const Outcome endless =
      gradloom({"submit", folder_ / "run.yaml", "--set", "training.jobs=1000000"});
  ASSERT_EQ(endless.code, 0) << endless.output;
  EXPECT_EQ(gradloom({"cancel", "2"}).code, 0);
  gradloom({"watch", "2"});  // until it has stopped
  const Outcome listed = gradloom({"list", "--json"});
  EXPECT_THAT(listed.output, HasSubstr("SUCCEEDED"));
  EXPECT_THAT(listed.output, HasSubstr("CANCELLED"));
}

INSTANTIATE_TEST_SUITE_P(Schemes, SameBits,
                         testing::Values("{slots: 6, gc: {s: 1}}", "{slots: 6, multi_message: {}}"),
                         [](const auto& scheme) {
                           return scheme.index == 0 ? "Repetition" : "MultiMessage";
                         });

}  // namespace
}  // namespace gradloom
