// A bilevel trial is one model with a lane for each sampled block: the same bits whatever straggles
// or dies, under sequential schemes too, in both versions.
#include <signal.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/summary.h"

namespace gradloom {
namespace {

constexpr char kRunFile[] = R"(
seed: 7
data: {train: {classification: {count: 600, features: 12, separation: 1.5}}}
workload:
  bilevel: {hospitals: {blocks: 6, training_rows: 60, validation_rows: 40}, sampled_blocks: 3}
training: {jobs: 40, evaluate_every: 10}
scheme: {slots: 6, gc: {s: 1}}
checkpoint: {every_jobs: 5}
)";
constexpr char kRandom[] = "straggle={exponential: {base: 1ms, mean: 20ms}}";

class Bilevel : public ::testing::TestWithParam<const char*> {
 protected:
  Bilevel() { WriteText(folder_ / "run.yaml", kRunFile); }

  std::vector<std::string> Command(const std::string& output,
                                   const std::vector<std::string>& sets) const {
    std::vector<std::string> argv = {
        GRADLOOM, "run",     folder_ / "run.yaml", "--output", folder_ / output, "--workers", "3",
        "--set",  GetParam()};
    for (const std::string& set : sets) argv.insert(argv.end(), {"--set", set});
    return argv;
  }
  Summary Finish(const std::string& output, const std::vector<std::string>& sets = {}) {
    const Outcome outcome = RunProgram(Command(output, sets), folder_ / (output + ".log"));
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return ReadSummary(folder_ / output / "summary.json");
  }

  TestFolder folder_;
};

TEST_P(Bilevel, SameBitsUnderStragglingKillsAndResumes) {
  const Summary plain = Finish("plain");
  ASSERT_EQ(plain.sha256.size(), 1);
  EXPECT_EQ(plain.sha256[0].size(), 64);
  EXPECT_EQ(Finish("straggled", {kRandom}).sha256, plain.sha256);

  Process run(Command("killed", {"straggle={fixed: {delay: 30ms}}"}), folder_ / "killed.log");
  ASSERT_TRUE(Await([&] { return NewestCheckpoint(folder_ / "killed" / "state") >= 2; }))
      << run.Output();
  const pid_t worker = FindChild(run.pid(), {"--name", "worker-1"});
  ASSERT_GT(worker, 0) << run.Output();
  ASSERT_EQ(kill(worker, SIGKILL), 0);
  ASSERT_TRUE(Await([&] { return NewestCheckpoint(folder_ / "killed" / "state") >= 4; }))
      << run.Output();
  const pid_t coordinator = FindChild(run.pid(), {"gradloom-coordinator"});
  ASSERT_GT(coordinator, 0) << run.Output();
  ASSERT_EQ(kill(coordinator, SIGKILL), 0);
  ASSERT_EQ(run.Wait(), 0) << run.Output();
  const Summary killed = ReadSummary(folder_ / "killed" / "summary.json");
  EXPECT_EQ(killed.sha256, plain.sha256);
  EXPECT_GE(killed.resumes, 1);
}

// Sums are added in another order, so their last bits differ; training does not notice.
TEST_P(Bilevel, EverySchemeTrainsAlikeWithAndWithoutLanes) {
  const Summary plain = Finish("plain");
  ASSERT_EQ(plain.accuracy.size(), 1);
  EXPECT_GT(plain.accuracy[0], 0.65);  // of 240 validation rows
  const std::vector<std::string> others[] = {
      {"scheme={slots: 6, uncoded: {}}", kRandom},
      {"scheme={slots: 6, gc: {s: 2, code: cyclic}}", kRandom},
      {"scheme={slots: 6, gc: {s: 1, code: dual}}", kRandom},
      {"scheme={slots: 6, multi_message: {}}", kRandom},
      {"scheme={slots: 6, m_sgc: {b: 1, w: 2, lambda: 3}}", kRandom},
      {"scheme={slots: 6, sr_sgc: {b: 1, w: 2, lambda: 3}}", kRandom},
      {"workload.bilevel.lanes=false"}};
  for (const std::vector<std::string>& sets : others) {
    const Summary other = Finish(absl::StrCat("other-", &sets - others), sets);
    ASSERT_EQ(other.accuracy.size(), 1) << sets[0];
    EXPECT_NEAR(other.accuracy[0], plain.accuracy[0], 1.5 / 240) << sets[0];
  }
}

// One of three blocks is on a slot that never comes in time.
TEST_P(Bilevel, ABlockThatDoesNotComeInTimeCountsAsUnsampled) {
  const std::vector<std::string> alone = {"scheme={slots: 3, uncoded: {}}",
                                          "fleet.arrangement=split:3"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), alone.begin(), alone.end());
    return more;
  };
  const Summary plain = Finish("plain", alone);
  const Summary patient = Finish("patient", with({"workload.bilevel.give_up=1m"}));
  EXPECT_EQ(patient.jobs_missed, 0);
  EXPECT_EQ(patient.sha256, plain.sha256) << "nothing was given up";

  // Long enough for the slow slot to answer many times: jobs that miss it take milliseconds.
  const std::vector<std::string> slow = {"workload.bilevel.give_up=60ms", "training.jobs=400",
                                         "straggle={fixed: {delay: 150ms}, slots: [0]}"};
  const Summary missing = Finish("missing", with(slow));
  EXPECT_GT(missing.jobs_missed, 0);
  EXPECT_EQ(missing.jobs_late, 0);
  EXPECT_GT(missing.accuracy[0], 0.6);
  if (std::string(GetParam()) == "workload.bilevel.version=v1") return;
  std::vector<std::string> slow_pairs = slow;
  slow_pairs.emplace_back("workload.bilevel.late=pairs");
  const Summary late = Finish("late", with(slow_pairs));
  EXPECT_GT(late.jobs_late, 0);
  EXPECT_GE(late.jobs_missed, late.jobs_late);
  EXPECT_GT(late.accuracy[0], 0.6);
}

INSTANTIATE_TEST_SUITE_P(Versions, Bilevel,
                         testing::Values("workload.bilevel.version=v2",
                                         "workload.bilevel.version=v1"),
                         [](const auto& version) { return version.index == 0 ? "V2" : "V1"; });

}  // namespace
}  // namespace gradloom
