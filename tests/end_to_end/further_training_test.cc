// A run that has ended is trained further, or another begins with its model: the real programs.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/end_to_end/cluster.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/summary.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kRunFile[] = R"(
name: run
data: {train: {classification: {count: 400, features: 6, separation: 1.5}}, holdout: 100}
workload: {mlp: {hidden: [5]}}
optimizer: {kind: momentum, learning_rate: 0.05}
training: {batch_size: 50, epochs: 1}
trials: [{name: a}, {name: b c, optimizer: {kind: adam}}]
scheme: {slots: 2, gc: {s: 1}}
)";

class FurtherTraining : public ::testing::Test {
 protected:
  FurtherTraining() { WriteText(folder_ / "run.yaml", kRunFile); }

  Outcome Run(const std::string& output, const std::vector<std::string>& sets) {
    std::vector<std::string> argv = {
        GRADLOOM, "run", folder_ / "run.yaml", "--output", folder_ / output, "--workers", "2"};
    for (const std::string& set : sets) argv.insert(argv.end(), {"--set", set});
    return RunProgram(argv, folder_ / (output + ".log"));
  }
  Summary Finish(const std::string& output, const std::vector<std::string>& sets) {
    const Outcome outcome = Run(output, sets);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return ReadSummary(folder_ / output / "summary.json");
  }

  TestFolder folder_;
};

TEST_F(FurtherTraining, F27_EndsInTheBitsOfATrainingThatWasSoLongFromTheStart) {
  const Summary whole = Finish("whole", {"training.epochs=3"});
  ASSERT_EQ(whole.sha256.size(), 2);
  const Summary first = Finish("grown", {});
  EXPECT_NE(first.sha256, whole.sha256);
  const Summary then = Finish("grown", {"training.epochs=3"});
  EXPECT_EQ(then.state, "SUCCEEDED");
  EXPECT_EQ(then.sha256, whole.sha256);
  EXPECT_THAT(ReadText(folder_ / "grown" / "run.yaml"), HasSubstr("epochs: 3.0"));
  // The history goes on, too: a row a job and trial.
  const auto rows = [&](const std::string& output) {
    const std::string text = ReadText(folder_ / output / "metrics.csv");
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(rows("grown"), rows("whole"));
  const Outcome other = Run("grown", {"training.epochs=4", "optimizer.momentum=0.5"});
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.output, AllOf(HasSubstr("state of another run"), HasSubstr("momentum")));
}

TEST_F(FurtherTraining, F27_OnAClusterToo) {
  const Summary whole = Finish("whole", {"training.epochs=3"});
  Cluster cluster(folder_);
  cluster.AddWorker("a");
  cluster.AddWorker("b");
  const Outcome submitted = cluster.Gradloom({"submit", folder_ / "run.yaml", "--watch"});
  ASSERT_EQ(submitted.code, 0) << submitted.output;
  const Outcome again = cluster.Gradloom({"resume", "1"});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.output,
              AllOf(HasSubstr("has succeeded already"), HasSubstr("training.epochs")));
  const Outcome refused = cluster.Gradloom({"resume", "1", "--set", "optimizer.learning_rate=1"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.output, HasSubstr("learning_rate: 0.05 -> 1"));
  EXPECT_THAT(cluster.Gradloom({"status", "1"}).output, HasSubstr("succeeded"))
      << "what was refused changes nothing";
  ASSERT_EQ(cluster.Gradloom({"resume", "1", "--set", "training.epochs=2"}).code, 0);
  ASSERT_EQ(cluster.Gradloom({"watch", "1"}).code, 0);
  WriteText(folder_ / "run.yaml", absl::StrCat(kRunFile, "checkpoint: {every: 9}\n"));
  ASSERT_EQ(
      cluster.Gradloom({"resume", "1", folder_ / "run.yaml", "--set", "training.epochs=3"}).code,
      0);
  ASSERT_EQ(cluster.Gradloom({"watch", "1"}).code, 0);
  const Summary then = ReadSummary(folder_ / "state" / "runs" / "1" / "output" / "summary.json");
  EXPECT_EQ(then.sha256, whole.sha256);
  EXPECT_EQ(then.resumes, 2);
}

// Trials that ended at different times go on together, whatever the schedule had made of them.
TEST_F(FurtherTraining, F27_UnderAutoToo) {
  const std::vector<std::string> automatic = {"scheme={slots: 2, auto: {}}", "training.jobs=40",
                                              "trials[0].training={jobs: 8}"};
  const Summary first = Finish("auto", automatic);
  EXPECT_EQ(first.state, "SUCCEEDED");
  const Summary then = Finish("auto", {automatic[0], "training.jobs=60"});
  EXPECT_EQ(then.state, "SUCCEEDED");
  const std::string history = ReadText(folder_ / "auto" / "metrics.csv");
  EXPECT_EQ(std::count(history.begin(), history.end(), '\n'), 1 + 2 * 60);
}

TEST_F(FurtherTraining, F27_AnotherRunBeginsWithATrainedModel) {
  const Summary first = Finish("first", {"training.epochs=2"});
  // Nothing moves at this rate, to the last bit.
  const Summary same = Finish(
      "same", {"start_from=first/a.safetensors", "optimizer.learning_rate=1e-30", "trials=[{}]"});
  ASSERT_EQ(same.sha256.size(), 1);
  EXPECT_EQ(same.sha256[0], first.sha256[0]);
  EXPECT_THAT(ReadText(folder_ / "same" / "run.yaml"),
              AllOf(HasSubstr("file: first/a.safetensors"), HasSubstr("sha256: ")));
  const Outcome other = Run("other", {"start_from=first/a.safetensors", "workload.mlp.hidden=[6]"});
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.output, AllOf(HasSubstr("start_from.file"), HasSubstr("does not fit the model"),
                                  HasSubstr("layers.0.weight is [5, 6], the model's [6, 6]")));
}

}  // namespace
}  // namespace gradloom
