// What goes wrong on a bad day, to the real programs: workers that are no help, coordinators that
// are killed, runs that are damaged, data that have changed. Nobody hangs, nobody else is harmed,
// and whoever is to blame is named.
#include <signal.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gradloom/v1/training.grpc.pb.h"
#include "gradloom/v1/worker.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/end_to_end/cluster.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/summary.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Every job takes some milliseconds at least: something can happen meanwhile.
std::string RunText(int jobs, const std::string& rest) {
  return absl::StrCat(
      "name: bad-day\n"
      "data: {train: {csv: {file: data.csv}}}\n"
      "workload: logistic_regression\n"
      "straggle: {fixed: {delay: 10ms}}\n"
      "training: {batch_size: 40, jobs: ",
      jobs, "}\n", rest, "\n");
}

std::string Data(bool flipped) {
  std::string text = "x,y,label\n";
  for (int i = 0; i < 200; ++i) {
    const int label = ((i * 7) % 10 < 5) != flipped ? 1 : 0;
    absl::StrAppend(&text, (i * 7) % 10, ",", (i * 3) % 11, ",", label, "\n");
  }
  return text;
}

class BadDay : public ::testing::Test {
 protected:
  void SetUp() override { WriteText(folder_ / "data.csv", Data(false)); }

  // The SHA-256 that the run has when nothing goes wrong.
  std::string QuietBits(const std::string& text) {
    WriteText(folder_ / "quiet.yaml", text);
    const Outcome outcome = RunProgram(
        {GRADLOOM, "run", folder_ / "quiet.yaml", "--workers", "3", "--output", folder_ / "quiet"},
        folder_ / "quiet.log");
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return ReadSummary(folder_ / "quiet" / "summary.json").sha256.at(0);
  }
  std::string Submit(Cluster& cluster, const std::string& text) {
    WriteText(folder_ / "run.yaml", text);
    const Outcome outcome = cluster.Gradloom({"submit", folder_ / "run.yaml"});
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return outcome.output;
  }
  std::filesystem::path Output(int run = 1) const {
    return folder_ / "state" / "runs" / std::to_string(run) / "output";
  }
  std::string Status(Cluster& cluster, int run = 1) {
    return cluster.Gradloom({"status", std::to_string(run)}).output;
  }
  bool AwaitState(Cluster& cluster, const std::string& state, int run = 1) {
    return Await([&] { return Status(cluster, run).find(state) != std::string::npos; });
  }

  TestFolder folder_;
};

TEST_F(BadDay, F01_CancelThenResumeOnALiveCluster) {
  const std::string text = RunText(120, "scheme: {slots: 3}");
  const std::string bits = QuietBits(text);
  Cluster cluster(folder_);
  for (const char* name : {"a", "b", "c"}) cluster.AddWorker(name);
  Submit(cluster, text);
  ASSERT_TRUE(AwaitState(cluster, "running"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(cluster.Gradloom({"cancel", "1"}).code, 0);
    const Outcome resumed = cluster.Gradloom({"resume", "1"});
    EXPECT_EQ(resumed.code, 0) << resumed.output;
  }
  const Outcome watched = cluster.Gradloom({"watch", "1"});
  EXPECT_EQ(watched.code, 0) << watched.output;
  const Summary summary = ReadSummary(Output() / "summary.json");
  EXPECT_EQ(summary.state, "SUCCEEDED");
  EXPECT_EQ(summary.resumes, 2u);
  EXPECT_EQ(summary.sha256.at(0), bits);
}

TEST_F(BadDay, F02_AClusterThatStartsBeforeItsWorkersUsesAllOfThem) {
  Cluster cluster(folder_);
  Submit(cluster, RunText(10, "fleet: {gather: 2s}"));
  EXPECT_THAT(Status(cluster), HasSubstr("workers: 0 ready, at least 2 are needed"));
  cluster.AddWorker("a");
  ASSERT_TRUE(Await([&] { return Status(cluster).find("1 ready") != std::string::npos; }));
  for (const char* name : {"b", "c", "d"}) cluster.AddWorker(name);
  EXPECT_EQ(cluster.Gradloom({"watch", "1"}).code, 0);
  EXPECT_THAT(Status(cluster), HasSubstr("4 slots"));
}

TEST_F(BadDay, F06_AResumeOnOtherDataIsRefused) {
  const auto run = [&] {
    return RunProgram(
        {GRADLOOM, "run", folder_ / "run.yaml", "--workers", "2", "--output", folder_ / "out"},
        folder_ / "log");
  };
  WriteText(folder_ / "run.yaml", RunText(300, "checkpoint: {every_jobs: 10}"));
  {
    Process process(
        {GRADLOOM, "run", folder_ / "run.yaml", "--workers", "2", "--output", folder_ / "out"},
        folder_ / "first.log");
    ASSERT_TRUE(Await([&] { return NewestCheckpoint(folder_ / "out" / "state") >= 2; }));
    process.Signal(SIGINT);
    process.Wait();
  }
  WriteText(folder_ / "data.csv", Data(true));
  const Outcome refused = run();
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.output, AllOf(HasSubstr("data.train has checksum"), HasSubstr("--fresh")));
  WriteText(folder_ / "data.csv", Data(false));
  const Outcome resumed = run();
  EXPECT_EQ(resumed.code, 0) << resumed.output;
}

TEST_F(BadDay, F14_ADamagedRunHarmsNeitherTheStartNorItsNeighbour) {
  {
    Cluster cluster(folder_);
    for (const char* name : {"a", "b"}) cluster.AddWorker(name);
    for (int i = 0; i < 2; ++i) {
      Submit(cluster, RunText(100000, "scheme: {slots: 2}\ncheckpoint: {every_jobs: 5}"));
    }
    ASSERT_TRUE(Await([&] {
      return std::filesystem::exists(folder_ / "state/runs/2/checkpoints/000000000002") &&
             std::filesystem::exists(folder_ / "state/runs/1/checkpoints/000000000002");
    }));
  }
  int damaged = 0;
  for (const auto& checkpoint :
       std::filesystem::directory_iterator(folder_ / "state/runs/1/checkpoints")) {
    for (const auto& file : std::filesystem::directory_iterator(checkpoint)) {
      if (file.path().filename() != "manifest.json") continue;
      WriteText(file.path(), "{\"format\": 1,");
      ++damaged;
    }
  }
  ASSERT_GT(damaged, 0);
  Cluster again(folder_);
  EXPECT_THAT(Status(again, 1), AllOf(HasSubstr("failed"), HasSubstr("cannot be resumed")));
  for (const char* name : {"a", "b"}) again.AddWorker(name);
  ASSERT_TRUE(AwaitState(again, "running", 2));
  EXPECT_EQ(again.Gradloom({"cancel", "2"}).code, 0);
  int untouched = 0;
  for (const auto& checkpoint :
       std::filesystem::directory_iterator(folder_ / "state/runs/1/checkpoints")) {
    if (ReadText(checkpoint.path() / "manifest.json") == "{\"format\": 1,") ++untouched;
  }
  EXPECT_EQ(untouched, damaged);
  // It can be tried again, and says the same.
  EXPECT_THAT(again.Gradloom({"resume", "1"}).output, HasSubstr("1"));
  EXPECT_THAT(Status(again, 1), HasSubstr("failed"));
}

TEST_F(BadDay, F16_ManyResumesAtOnceAreOne) {
  Cluster cluster(folder_);
  for (const char* name : {"a", "b"}) cluster.AddWorker(name);
  Submit(cluster, RunText(100000, "scheme: {slots: 2}"));
  ASSERT_TRUE(AwaitState(cluster, "running"));
  ASSERT_EQ(cluster.Gradloom({"cancel", "1"}).code, 0);
  std::vector<std::unique_ptr<Process>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<Process>(
        std::vector<std::string>{GRADLOOM, "resume", "1", "--coordinator", cluster.address()},
        folder_ / absl::StrCat("resume-", i, ".log")));
  }
  for (const auto& client : clients) EXPECT_EQ(client->Wait(), 0) << client->Output();
  ASSERT_TRUE(AwaitState(cluster, "running"));
  EXPECT_THAT(Status(cluster), HasSubstr("1 resume"));
  EXPECT_EQ(cluster.Gradloom({"cancel", "1"}).code, 0);
  EXPECT_TRUE(AwaitState(cluster, "cancelled"));
}

TEST_F(BadDay, F18_AWorkerWithoutTheDataIsNamedAndTheOthersTrain) {
  const std::string text = RunText(30, "scheme: {slots: 3, uncoded: {}}\nfleet: {gather: 2s}");
  const std::string bits = QuietBits(text);
  std::filesystem::create_directory(folder_ / "empty");
  Cluster cluster(folder_);
  cluster.AddWorker("bad", {"--data-folder", folder_ / "empty"});
  Submit(cluster, text);
  ASSERT_TRUE(Await([&] { return Status(cluster).find("bad cannot serve") != std::string::npos; }));
  for (const char* name : {"b", "c"}) cluster.AddWorker(name);
  const Outcome watched = cluster.Gradloom({"watch", "1"});
  EXPECT_EQ(watched.code, 0) << watched.output;
  EXPECT_EQ(ReadSummary(Output() / "summary.json").sha256.at(0), bits);
}

TEST_F(BadDay, F18_AStoppedWorkersSlotsMoveUncoded) {
  const std::string text = RunText(60, "scheme: {slots: 3, uncoded: {}}");
  const std::string bits = QuietBits(text);
  Cluster cluster(folder_);
  Process& mute = cluster.AddWorker("mute");
  for (const char* name : {"b", "c"}) cluster.AddWorker(name);
  Submit(cluster, text);
  ASSERT_TRUE(AwaitState(cluster, "running"));
  mute.Signal(SIGSTOP);
  const Outcome watched = cluster.Gradloom({"watch", "1"});
  EXPECT_EQ(watched.code, 0) << watched.output;
  EXPECT_EQ(ReadSummary(Output() / "summary.json").sha256.at(0), bits);
  EXPECT_THAT(ReadText(folder_ / "coordinator.log"), HasSubstr("worker mute"));
}

TEST_F(BadDay, F20_TwoWorkersOfOneNameAreToldSo) {
  Cluster cluster(folder_);
  cluster.AddWorker("twin");
  ASSERT_TRUE(Await([&] {
    return ReadText(folder_ / "coordinator.log").find("worker twin joined") != std::string::npos;
  }));
  Process second({GRADLOOM_WORKER, "--coordinator", cluster.address(), "--name", "twin",
                  "--metrics", "", "--data-folder", folder_.path()},
                 folder_ / "second.log");
  EXPECT_TRUE(Await([&] {
    return second.Output().find("another worker named twin is connected") != std::string::npos;
  }));
  EXPECT_THAT(ReadText(folder_ / "twin.log"), Not(HasSubstr("replaced")));
  second.Signal(SIGTERM);
  EXPECT_EQ(second.Wait(), 0);
}

TEST_F(BadDay, F25_ACoordinatorKilledInAShortRunLosesLittle) {
  const std::string text = RunText(100000, "scheme: {slots: 2}");
  {
    Cluster cluster(folder_);
    for (const char* name : {"a", "b"}) cluster.AddWorker(name);
    Submit(cluster, text);
    ASSERT_TRUE(Await([&] { return NewestCheckpoint(folder_ / "state") >= 1; }, 20))
        << "within a second or so, not thirty";
  }  // killed
  Cluster again(folder_);
  EXPECT_THAT(ReadText(folder_ / "coordinator.log"),
              AllOf(HasSubstr("resumes at job "), Not(HasSubstr("resumes at job 0 "))));
}

}  // namespace
}  // namespace gradloom
