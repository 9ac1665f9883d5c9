// Straggling on purpose, by run file and by a worker's flags: it really delays, freezes or kills,
// and the parameters stay the same to the last bit. Real processes.
#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/end_to_end/cluster.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/summary.h"
#include "worker/straggler.h"

namespace gradloom {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int kJobs = 12;
constexpr int kSlots = 4;
constexpr int kGroups = 2;  // slot i belongs to group i mod 2
constexpr uint64_t kSeed = 5;
constexpr char kRunFile[] = R"(
seed: 5
data: {train: {classification: {count: 2000, classes: 5}}}
workload: softmax_regression
training: {batch_size: 200, jobs: 12, evaluate_every: 0}
scheme: {slots: 4, gc: {s: 1}}
fleet: {min_workers: 4}
checkpoint: {every_jobs: 1}
)";
constexpr char kTrace[] = "0.02,0.3,0,0.1\n0.1,0,0.2,0.04\n0.3,0.3,0.1,0.1\n";  // seconds

class Straggling : public ::testing::Test {
 protected:
  Straggling() {
    WriteText(folder_ / "run.yaml", kRunFile);
    WriteText(folder_ / "delays.csv", kTrace);
  }

  // A worker a slot, as a delayed slot holds up its worker's others.
  std::vector<std::string> Command(const std::string& output,
                                   const std::vector<std::string>& settings) const {
    std::vector<std::string> argv = {
        GRADLOOM, "run", folder_ / "run.yaml", "--output", folder_ / output, "--workers", "4"};
    for (const std::string& setting : settings) argv.insert(argv.end(), {"--set", setting});
    return argv;
  }
  Summary SummaryOf(const std::string& output) const {
    return ReadSummary(folder_ / output / "summary.json");
  }
  Summary Run(const std::string& output, const std::vector<std::string>& settings = {}) {
    const Outcome outcome = RunProgram(Command(output, settings), folder_ / (output + ".log"));
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    const Summary summary = SummaryOf(output);
    EXPECT_THAT(summary.sha256, SizeIs(1));
    EXPECT_THAT(summary.sha256, Each(SizeIs(64)));
    return summary;
  }
  // The run as a cluster's run 1.
  Summary Submit(const Cluster& cluster, const std::vector<std::string>& settings = {}) {
    std::vector<std::string> words = {"submit", folder_ / "run.yaml", "--watch"};
    for (const std::string& setting : settings) words.insert(words.end(), {"--set", setting});
    const Outcome outcome = cluster.Gradloom(words);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    WriteText(folder_ / "status.json", cluster.Gradloom({"status", "1", "--json"}).output);
    return ReadSummary(folder_ / "status.json");
  }
  // While the process is stopped, the run goes on: `state` holds its checkpoints.
  void ExpectProgressWhileFrozen(pid_t pid, const std::string& state) {
    ASSERT_TRUE(Await([&] { return ProcessState(pid) == 'T'; }));
    const int before = NewestCheckpoint(folder_ / state);
    EXPECT_TRUE(Await([&] { return NewestCheckpoint(folder_ / state) >= before + 3; }));
    EXPECT_EQ(ProcessState(pid), 'T');
  }

  TestFolder folder_;
};

struct Model {
  std::string name;
  std::string run_file;
  std::string flag;

  friend void PrintTo(const Model& model, std::ostream* out) { *out << model.name; }
};

class StragglingByModel : public Straggling, public ::testing::WithParamInterface<Model> {
 protected:
  // Least seconds of a run whose rounds wait for all slots, or for one of each group.
  double Least(bool all) const {
    const absl::StatusOr<v1::StraggleSpec> spec = ParseStraggle(GetParam().flag);
    EXPECT_TRUE(spec.ok()) << spec.status();
    const absl::StatusOr<Straggler> straggler = Straggler::Make(*spec, kSeed, folder_.path());
    EXPECT_TRUE(straggler.ok()) << straggler.status();
    absl::Duration sum;
    for (int round = 0; round < kJobs; ++round) {
      absl::Duration slowest;
      for (int group = 0; group < kGroups; ++group) {
        std::vector<absl::Duration> delays;
        for (int slot = group; slot < kSlots; slot += kGroups) {
          delays.push_back(straggler->Delay(slot, round));
        }
        slowest = std::max(slowest, all ? *std::max_element(delays.begin(), delays.end())
                                        : *std::min_element(delays.begin(), delays.end()));
      }
      sum += slowest;
    }
    return absl::ToDoubleSeconds(sum);
  }
};

TEST_P(StragglingByModel, DelaysAndKeepsTheBits) {
  ASSERT_GE(Least(true), 0.7) << "or it would show nothing";
  ASSERT_GE(Least(true), Least(false));
  const Summary plain = Run("plain");
  const std::string straggle = absl::StrCat("straggle=", GetParam().run_file);

  const Summary all = Run("all", {straggle, "closing=wait_for_all"});
  EXPECT_EQ(all.sha256, plain.sha256);
  EXPECT_EQ(all.rounds, kJobs);
  EXPECT_EQ(all.stragglers_tolerated, 0);
  EXPECT_GE(all.seconds, Least(true));

  const Summary first = Run("first", {straggle});
  EXPECT_EQ(first.sha256, plain.sha256);
  if (Least(true) > Least(false)) {
    EXPECT_GT(first.stragglers_tolerated, 0);
  }
  EXPECT_GE(first.seconds, Least(false));

  Cluster cluster(folder_);
  for (const char* name : {"a", "b", "c", "d"}) {
    cluster.AddWorker(name, {"--straggle", GetParam().flag});
  }
  const Summary flagged = Submit(cluster, {"closing=wait_for_all"});
  EXPECT_EQ(flagged.sha256, plain.sha256);
  EXPECT_GE(flagged.seconds, Least(true));
}

INSTANTIATE_TEST_SUITE_P(
    Models, StragglingByModel,
    ::testing::Values(Model{"fixed", "{fixed: {delay: 80ms}}", "fixed:delay=80ms"},
                      Model{"exponential", "{exponential: {base: 20ms, mean: 60ms}}",
                            "exponential:base=20ms,mean=60ms"},
                      Model{"pareto", "{pareto: {scale: 30ms, shape: 1.2, limit: 400ms}}",
                            "pareto:scale=30ms,shape=1.2,limit=400ms"},
                      Model{"gilbert_elliott",
                            "{gilbert_elliott: {enter: 0.3, leave: 0.4, delay: 120ms}}",
                            "gilbert_elliott:enter=0.3,leave=0.4,delay=120ms"},
                      Model{"trace", "{trace: {file: delays.csv, scale: 0.5}}",
                            "trace:file=delays.csv,scale=0.5"}),
    [](const auto& test) { return test.param.name; });

// Slow enough for the run to outlast a freeze of two seconds.
constexpr char kSlow[] = "fixed: {delay: 60ms}";
constexpr char kMoreJobs[] = "training.jobs=40";

TEST_F(Straggling, AFreezeStopsTheProcessAndNotTheRun) {
  const Summary plain = Run("plain", {kMoreJobs});
  const std::string straggle =
      absl::StrCat("straggle={", kSlow, ", freezes: [{slot: 1, job: 3, duration: 2s}]}");
  Process run(Command("frozen", {kMoreJobs, straggle}), folder_ / "frozen.log");
  // Which worker has slot 1 is the coordinator's choice.
  pid_t frozen = -1;
  ASSERT_TRUE(Await([&] {
    for (int worker = 0; worker < kSlots && frozen < 0; ++worker) {
      const pid_t pid = FindChild(run.pid(), {absl::StrCat("worker-", worker)});
      if (pid > 0 && ProcessState(pid) == 'T') frozen = pid;
    }
    return frozen > 0;
  })) << run.Output();
  ExpectProgressWhileFrozen(frozen, "frozen/state");
  ASSERT_EQ(run.Wait(), 0) << run.Output();
  EXPECT_EQ(SummaryOf("frozen").sha256, plain.sha256);

  Cluster cluster(folder_);
  Process& worker = cluster.AddWorker("a", {"--freeze-at-job", "3:2s"});
  for (const char* name : {"b", "c", "d"}) cluster.AddWorker(name);
  const Outcome submitted = cluster.Gradloom({"submit", folder_ / "run.yaml", "--set", kMoreJobs,
                                              "--set", absl::StrCat("straggle={", kSlow, "}")});
  ASSERT_EQ(submitted.code, 0) << submitted.output;
  ExpectProgressWhileFrozen(worker.pid(), "state");
  const Outcome watched = cluster.Gradloom({"watch", "1"});
  EXPECT_EQ(watched.code, 0) << watched.output;
  EXPECT_THAT(watched.output, HasSubstr(plain.sha256[0]));
  EXPECT_THAT(worker.Output(), HasSubstr("freezing on purpose"));
}

TEST_F(Straggling, ACrashKillsTheProcessAndNotTheRun) {
  const Summary plain = Run("plain");
  // Two slots of different groups, in different jobs.
  const Summary crashed = Run("crashed", {"straggle={fixed: {delay: 30ms}, crashes: [{slot: 1, "
                                          "job: 3}, {slot: 2, job: 5}]}"});
  EXPECT_EQ(crashed.sha256, plain.sha256);
  EXPECT_EQ(crashed.workers_lost, 2);
  std::string logs;
  for (int worker = 0; worker < kSlots; ++worker) {
    logs += ReadText(folder_ / "crashed" / "logs" / absl::StrCat("worker-", worker, ".log"));
  }
  EXPECT_THAT(logs, HasSubstr("crashing on purpose  slot=1 job=3"));
  EXPECT_THAT(logs, HasSubstr("crashing on purpose  slot=2 job=5"));

  Cluster cluster(folder_);
  Process& worker = cluster.AddWorker("a", {"--crash-at-job", "4"});
  for (const char* name : {"b", "c", "d"}) cluster.AddWorker(name);
  const Summary flagged = Submit(cluster, {"straggle={fixed: {delay: 30ms}}"});
  EXPECT_EQ(flagged.sha256, plain.sha256);
  EXPECT_EQ(flagged.workers_lost, 1);
  EXPECT_EQ(worker.Wait(), 137) << worker.Output();
}

}  // namespace
}  // namespace gradloom
