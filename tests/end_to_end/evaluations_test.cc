// Evaluations are jobs of their own: the same numbers whoever computes them, also when workers or
// the coordinator die meanwhile, and early stopping that does not depend on time.
#include <signal.h>

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/end_to_end/cluster.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/summary.h"

namespace gradloom {
namespace {

using ::testing::Each;
using ::testing::SizeIs;

// Numbers of a row that do not depend on time, as they are written.
using Row = std::tuple<std::string, std::string, std::string>;  // loss, test loss, test accuracy
struct Rows {
  std::map<std::string, Row> by_job;
  size_t lines = 0;
  bool in_order = true;
};

class Evaluations : public ::testing::Test {
 protected:
  void Describe(const std::string& text) { WriteText(folder_ / "run.yaml", text); }
  std::vector<std::string> Command(const std::string& output,
                                   const std::vector<std::string>& more) const {
    std::vector<std::string> argv = {GRADLOOM, "run", folder_ / "run.yaml", "--output",
                                     folder_ / output};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }
  Summary Finish(const std::string& output, const std::vector<std::string>& more) {
    const Outcome outcome = RunProgram(Command(output, more), folder_ / (output + ".log"), 120);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return Of(output);
  }
  Summary Of(const std::string& output) const {
    return ReadSummary(folder_ / output / "summary.json");
  }
  Rows RowsOf(const std::string& output) const {
    const std::vector<std::string> lines =
        absl::StrSplit(ReadText(folder_ / output / "metrics.csv"), '\n', absl::SkipEmpty());
    Rows rows;
    if (lines.empty()) return rows;
    const std::vector<std::string> columns = absl::StrSplit(lines[0], ',');
    int64_t last = -1;
    for (size_t i = 1; i < lines.size(); ++i) {
      const std::vector<std::string> cells = absl::StrSplit(lines[i], ',');
      std::map<std::string, std::string> row;
      for (size_t c = 0; c < cells.size(); ++c) row[columns[c]] = cells[c];
      rows.by_job[row["job"]] = {row["loss"], row["test_loss"], row["test_accuracy"]};
      ++rows.lines;
      rows.in_order = rows.in_order && std::stoll(row["job"]) == last + 1;
      last = std::stoll(row["job"]);
    }
    return rows;
  }
  void Kill(Process& run, const std::vector<std::string>& words) const {
    const pid_t pid = FindChild(run.pid(), words);
    ASSERT_GT(pid, 0) << run.Output();
    ASSERT_EQ(kill(pid, SIGKILL), 0);
  }

  TestFolder folder_;
};

constexpr char kGlyphs[] = R"(
seed: 7
data:
  train: {glyphs: {count: 1200}}
  test: {glyphs: {first: 3000, count: 2000}}
workload: {mlp: {hidden: [64]}}
optimizer: {kind: adam, learning_rate: 0.002}
checkpoint: {every_jobs: 4}
)";

TEST_F(Evaluations, AreTheSameNumbersWhoeverComputesThem) {
  Describe(std::string(kGlyphs) +
           "training: {batch_size: 240, jobs: 50, evaluate_every: 3}\n"
           "scheme: {slots: 4, uncoded: {}}\n");
  const Summary alone = Finish("alone", {"--workers", "1"});
  EXPECT_THAT(alone.sha256, Each(SizeIs(64)));
  const Rows expected = RowsOf("alone");
  EXPECT_EQ(expected.lines, 50u);
  size_t evaluated = 0;
  for (const auto& [job, row] : expected.by_job) evaluated += std::get<1>(row).empty() ? 0 : 1;
  EXPECT_EQ(evaluated, 17u) << "every third job's, and the last";

  const std::vector<std::string> slow = {"--workers", "4", "--set",
                                         "straggle={fixed: {delay: 40ms}}"};
  for (const std::vector<std::string>& victim :
       std::vector<std::vector<std::string>>{{"--name", "worker-1"}, {"gradloom-coordinator"}}) {
    const std::string output = "killed-" + victim.back();
    Process run(Command(output, slow), folder_ / (output + ".log"));
    ASSERT_TRUE(Await([&] { return NewestCheckpoint(folder_ / output / "state") >= 2; }));
    Kill(run, victim);
    ASSERT_EQ(run.Wait(120), 0) << run.Output();
    EXPECT_EQ(Of(output).sha256, alone.sha256);
    EXPECT_EQ(Of(output).accuracy, alone.accuracy);
    const Rows rows = RowsOf(output);
    EXPECT_EQ(rows.by_job, expected.by_job) << output;
    EXPECT_EQ(rows.lines, expected.lines) << output;
    EXPECT_TRUE(rows.in_order) << output;
  }
}

TEST_F(Evaluations, StopATrainingAtTheSameStateWheneverTheyCome) {
  Describe(std::string(kGlyphs) +
           "training: {batch_size: 240, jobs: 400, evaluate_every: 2, target_accuracy: 0.6}\n"
           "scheme: {slots: 4, gc: {s: 1}}\n");
  const Summary plain = Finish("plain", {"--workers", "2"});
  const Rows expected = RowsOf("plain");
  EXPECT_LT(expected.lines, 400u) << "the target was never reached";
  const Summary straggled = Finish(
      "straggled", {"--workers", "4", "--set", "straggle={exponential: {base: 1ms, mean: 20ms}}"});
  EXPECT_EQ(straggled.sha256, plain.sha256);
  EXPECT_EQ(straggled.accuracy, plain.accuracy);
  EXPECT_EQ(straggled.loss, plain.loss);
  const Rows rows = RowsOf("straggled");
  EXPECT_EQ(rows.by_job, expected.by_job) << "whatever lanes did meanwhile is forgotten";
  EXPECT_TRUE(rows.in_order);
}

TEST_F(Evaluations, OfALayerDecideBeforeTheNextOneBegins) {
  Describe(R"(
seed: 7
data: {train: {block_model: {count: 300}}}
workload: {forward_gnn: {layers: 2, width: 16, method: sf}}
optimizer: {kind: adam, learning_rate: 0.05}
training: {jobs: 60, batch_size: 100, evaluate_every: 2, patience: 3}
scheme: {slots: 4, gc: {s: 1}}
)");
  const Summary plain = Finish("plain", {"--workers", "2"});
  EXPECT_THAT(plain.sha256, Each(SizeIs(64)));
  const Summary straggled = Finish(
      "straggled", {"--workers", "4", "--set", "straggle={exponential: {base: 1ms, mean: 20ms}}"});
  EXPECT_EQ(straggled.sha256, plain.sha256);
  EXPECT_EQ(straggled.accuracy, plain.accuracy);
}

}  // namespace
}  // namespace gradloom
