// What a run leaves on disk, and what becomes of it when the disk is not as it should be.
#include "coordinator/engine/run_files.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "coordinator/engine/run_plan.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/store/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/memory_file_system.h"

namespace gradloom {
namespace {

constexpr auto kAnyData = [](const v1::CheckpointManifest&) { return absl::OkStatus(); };

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::SizeIs;

using Trials = std::vector<std::unique_ptr<Trial>>;

constexpr char kTwo[] = "trials: [{name: a b}, {name: a_b}]\n";

class RunFilesTest : public ::testing::Test {
 protected:
  Trials Make(const std::string& more, const std::string& workload = "softmax_regression") {
    const auto spec =
        ParseRunFile(absl::StrCat("data: {train: {glyphs: {count: 20}}", test_,
                                  "}\ntraining: {jobs: 9}\nworkload: ", workload, "\n", more),
                     "test.yaml");
    EXPECT_TRUE(spec.ok()) << spec.status();
    const auto run = ResolveRunSpec(*spec);
    EXPECT_TRUE(run.ok()) << run.status();
    spec_ = run->spec;
    const auto data = OpenData(run->spec.data(), "");
    EXPECT_TRUE(data.ok()) << data.status();
    auto trials = MakeTrials(run->spec, run->trials, *data);
    EXPECT_TRUE(trials.ok()) << trials.status();
    return *std::move(trials);
  }
  std::unique_ptr<RunFiles> Open() {
    auto files = RunFiles::Open("/run", 2, disk_);
    EXPECT_TRUE(files.ok()) << files.status();
    return *std::move(files);
  }
  std::unique_ptr<RunFiles> Restored(const Trials& trials) {
    std::unique_ptr<RunFiles> files = Open();
    v1::CheckpointManifest head;
    const auto restored = files->Restore(trials, kAnyData, &head);
    EXPECT_TRUE(restored.ok()) << restored.status();
    return files;
  }
  // As if so many jobs had been applied, each of which left its number in the parameters.
  static void Train(const Trials& trials, uint64_t jobs) {
    for (size_t i = 0; i < trials.size(); ++i) {
      v1::LearnerProgress progress = trials[i]->ProgressLocked();
      for (auto& lane : *progress.mutable_lanes()) {
        lane.set_jobs_done(jobs);
        lane.set_version(jobs);
      }
      ASSERT_TRUE(trials[i]->Restore(progress).ok());
      for (const Learner::NamedVector& vector : trials[i]->VectorsLocked()) {
        for (float& value : vector.values) value = static_cast<float>(100 * jobs + i);
      }
    }
  }
  static MetricsRow Row(const std::string& trial, uint64_t job) {
    MetricsRow row;
    row.trial = trial;
    row.job = job;
    row.round = 10 + job;
    row.loss = 0.5;
    return row;
  }
  static absl::Status Save(RunFiles& files, const Trials& trials) {
    v1::CheckpointManifest head;
    head.set_rounds(7);
    for (const auto& trial : trials) head.add_trials()->set_name(trial->spec().name());
    return files.Save(head, trials);
  }
  // A run of two trials that stopped at job 3, four rows each in its history, two checkpoints.
  void LeaveARun() {
    const Trials trials = Make(kTwo);
    const auto files = Restored(trials);
    for (uint64_t job = 0; job < 4; ++job) {
      ASSERT_TRUE(files->Record(0, Row("a b", job)).ok());
      ASSERT_TRUE(files->Record(1, Row("a_b", job)).ok());
      if (job < 2) continue;
      Train(trials, job);
      ASSERT_TRUE(Save(*files, trials).ok());
    }
  }
  std::vector<std::string> CheckpointFiles() const {
    std::vector<std::string> paths;
    for (const auto& [path, contents] : disk_.Files()) {
      if (absl::StrContains(path, "/checkpoints/")) paths.push_back(path);
    }
    return paths;
  }
  void Damage(const std::string& path) {
    std::string contents = disk_.Files().at(path);
    contents[contents.size() / 2] ^= 4;
    disk_.Put(path, contents);
  }
  // The run cannot be restored, and nothing that is asked for afterwards changes a byte.
  void ExpectRefusedAndUntouched(const Trials& trials, const std::string& reason) {
    const auto before = disk_.Files();
    {
      const auto opened = RunFiles::Open("/run", 2, disk_);
      ASSERT_TRUE(opened.ok()) << opened.status();
      RunFiles& files = **opened;
      v1::CheckpointManifest head;
      const auto restored = files.Restore(trials, kAnyData, &head);
      ASSERT_FALSE(restored.ok());
      EXPECT_THAT(restored.status().message(), HasSubstr(reason));
      const auto refused = absl::StatusCode::kFailedPrecondition;
      EXPECT_EQ(Save(files, trials).code(), refused);
      EXPECT_EQ(files.Record(0, Row("a b", 1)).code(), refused);
      EXPECT_EQ(files.Finish(trials, spec_, {}, {}).code(), refused);
    }
    EXPECT_EQ(disk_.Files(), before);
    EXPECT_EQ(disk_.OpenFiles(), 0);
  }

  std::string test_;  // ", test: ..." of the data
  MemoryFileSystem disk_;
  v1::RunSpec spec_;
};

// Rows that wait are in the checkpoint; what was written of them since is written anew.
TEST_F(RunFilesTest, ARowComesOnceWithItsEvaluationHoweverOftenTheRunIsResumed) {
  const auto lines = [this] {
    return std::vector<std::string>(
        absl::StrSplit(disk_.Files().at("/run/output/metrics.csv"), '\n', absl::SkipEmpty()));
  };
  test_ = ", test: {glyphs: {first: 20, count: 10}}";
  {
    const Trials trials = Make("");
    const auto files = Restored(trials);
    Train(trials, 3);
    v1::LearnerProgress progress = trials[0]->ProgressLocked();
    v1::LearnerProgress::View* view = progress.add_views();
    view->set_number(9);
    view->add_lanes(0);
    view->add_jobs_done(2);
    ASSERT_TRUE(trials[0]->Restore(progress).ok());
    ASSERT_TRUE(files->Record(0, Row("trial-0", 0)).ok());
    ASSERT_TRUE(files->Record(0, Row("trial-0", 1), 9).ok());
    ASSERT_TRUE(files->Record(0, Row("trial-0", 2)).ok());
    EXPECT_THAT(lines(), SizeIs(2));
    ASSERT_TRUE(Save(*files, trials).ok());
    ASSERT_TRUE(files->Evaluated(0, 9, {.loss = 8, .accuracy = 0.75}, 3)->has_value());
    EXPECT_THAT(lines(), SizeIs(4));
  }
  const Trials trials = Make("");
  const auto files = Restored(trials);
  EXPECT_THAT(trials[0]->DueViews(), ::testing::ElementsAre(9));
  EXPECT_THAT(lines(), SizeIs(2));
  EXPECT_EQ(files->next_round(), 13u);
  // At its end, should it be cancelled, all rows are there.
  ASSERT_TRUE(files->Finish(trials, spec_, {}, {}).ok());
  EXPECT_THAT(lines(), SizeIs(4));
  const Trials later = Make("");
  const auto resumed = Restored(later);
  EXPECT_THAT(lines(), SizeIs(2));
  ASSERT_TRUE(resumed->Evaluated(0, 9, {.loss = 8, .accuracy = 0.75}, 3)->has_value());
  ASSERT_THAT(lines(), SizeIs(4));
  EXPECT_THAT(lines()[2], HasSubstr(",8,0.75,"));
  EXPECT_THAT(lines()[3], HasSubstr("trial-0,2,"));
}

TEST_F(RunFilesTest, AResumeGoesOnFromTheNewestCheckpoint) {
  LeaveARun();
  const Trials trials = Make(kTwo);
  std::unique_ptr<RunFiles> files = Open();
  v1::CheckpointManifest head;
  const auto restored = files->Restore(trials, kAnyData, &head);
  ASSERT_TRUE(restored.ok() && *restored) << restored.status();
  EXPECT_EQ(head.rounds(), 7);
  EXPECT_EQ(head.trials(1).jobs_done(), 3);
  EXPECT_EQ(trials[0]->jobs_done(), 3);
  EXPECT_EQ(trials[1]->VectorsLocked()[0].values[0], 301);
  EXPECT_EQ(files->next_round(), 13) << "after job 2, of round 12";
  const std::string history = disk_.Files().at("/run/output/metrics.csv");
  EXPECT_THAT(history, AllOf(HasSubstr(",a b,2,"), Not(HasSubstr(",a b,3,"))));
}

TEST_F(RunFilesTest, TheRowsOfACheckpointsJobsAreDurableBeforeItIs) {
  const Trials trials = Make(kTwo);
  const auto files = Restored(trials);
  ASSERT_TRUE(files->Record(0, Row("a b", 0)).ok());
  Train(trials, 1);
  ASSERT_TRUE(Save(*files, trials).ok());
  const std::vector<std::string> commits = disk_.Commits();
  const auto at = [&commits](const std::string& what) {
    return std::find(commits.begin(), commits.end(), what);
  };
  const auto rows = at("sync /run/output/metrics.csv");
  EXPECT_LT(at("sync /run/checkpoints/tmp-000000000001/trial-1.safetensors"), rows)
      << "by then every trial has been copied";
  EXPECT_LT(rows, at("rename /run/checkpoints/000000000001"));
  EXPECT_LT(at("rename /run/checkpoints/000000000001"), commits.end());
}

// ---- F07 ----------------------------------------------------------------------------------------

TEST_F(RunFilesTest, F07_TrialsOfLikeNamesHaveFilesOfTheirOwn) {
  const Trials trials =
      Make("trials: [{name: a b}, {name: a_b}, {name: A_b}, {name: 'a=b, c (1)'}]\n");
  const auto files = Restored(trials);
  Train(trials, 5);
  for (int lane = 0; lane < 4; ++lane) {
    ASSERT_TRUE(files->Record(lane, Row(trials[lane]->LaneName(0), 4)).ok());
  }
  ASSERT_TRUE(files->Finish(trials, spec_, {}, {}).ok());
  EXPECT_THAT(disk_.Files(), Contains(Key("/run/output/a_b.safetensors")));
  std::set<std::string> folders;
  for (const auto& [path, contents] : disk_.Files()) {
    if (absl::StrContains(path, "/tensorboard/")) folders.insert(FolderOf(path));
  }
  EXPECT_THAT(folders, SizeIs(4));
  for (size_t i = 0; i < trials.size(); ++i) {
    const std::string& name = trials[i]->spec().name();
    const std::string path = "/run/output/" + RunFiles::ParametersFile(name);
    const auto reader = SafetensorsReader::Open(path, disk_);
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ(reader->header().metadata.at("trial"), name);
    const auto& [tensor, info] = *reader->header().tensors.begin();
    std::vector<float> values(info.length);
    ASSERT_TRUE(reader->Read(tensor, std::span(values)).ok());
    EXPECT_EQ(values[0], 500 + i) << name;
  }
}

TEST_F(RunFilesTest, F07_ALanesCurveIsBelowItsTrials) {
  const Trials trials = Make("", "{forward_forward: {hidden: [4, 4]}}");
  ASSERT_EQ(trials[0]->lanes(), 2);
  const auto files = Restored(trials);
  ASSERT_TRUE(files->Record(0, Row(trials[0]->LaneName(0), 0)).ok());
  ASSERT_TRUE(files->Record(1, Row(trials[0]->LaneName(1), 0)).ok());
  for (int lane = 0; lane < 2; ++lane) {
    const auto kind =
        disk_.KindOf(absl::StrCat("/run/output/tensorboard/", trials[0]->LaneName(lane)));
    EXPECT_EQ(*kind, FileKind::kFolder) << trials[0]->LaneName(lane);
  }
}

// ---- F14 ----------------------------------------------------------------------------------------

TEST_F(RunFilesTest, F14_ARunWhoseCheckpointsAreAllDamagedIsUntouched) {
  LeaveARun();
  const std::vector<std::string> paths = CheckpointFiles();
  ASSERT_THAT(paths, SizeIs(8)) << "two checkpoints of manifest, its checksum and two trials";
  for (const std::string& path : paths) {
    if (absl::StrContains(path, "manifest.json")) Damage(path);
  }
  ExpectRefusedAndUntouched(Make(kTwo), "no whole checkpoint in /run/checkpoints: checkpoint 2");
}

TEST_F(RunFilesTest, F14_OneDamagedCheckpointCostsOnlyItself) {
  LeaveARun();
  Damage("/run/checkpoints/000000000002/trial-0.safetensors");
  const Trials trials = Make(kTwo);
  Restored(trials);
  EXPECT_EQ(trials[0]->jobs_done(), 2);
}

TEST_F(RunFilesTest, F14_AnotherRunsCheckpointIsRefusedAndUntouched) {
  LeaveARun();
  ExpectRefusedAndUntouched(Make(""), "the checkpoint has 2 trials, the run 1");
  ExpectRefusedAndUntouched(Make(kTwo, "{mlp: {hidden: [3]}}"), "checkpoint 2, trial 'a b': ");
  ExpectRefusedAndUntouched(Make(kTwo, "{forward_forward: {hidden: [4, 4]}}"),
                            "checkpoint 2, trial 'a b': the checkpoint has 1 lanes, the trial 2");
}

TEST_F(RunFilesTest, F14_AHistoryThatCannotBeReadIsUntouched) {
  LeaveARun();
  ASSERT_TRUE(disk_.RemoveAll("/run/output/metrics.csv").ok());
  disk_.Put("/run/output/metrics.csv/file", "a folder now");
  ExpectRefusedAndUntouched(Make(kTwo),
                            "/run/output/metrics.csv is a folder; legal: a regular file");
}

TEST_F(RunFilesTest, F14_ADamagedHistoryStaysBesideAndTheRunGoesOn) {
  LeaveARun();
  std::string history = disk_.Files().at("/run/output/metrics.csv");
  history[history.find(",a b,1,") + 5] = 'x';
  disk_.Put("/run/output/metrics.csv", history);
  const Trials trials = Make(kTwo);
  const auto files = Restored(trials);
  EXPECT_EQ(trials[0]->jobs_done(), 3);
  EXPECT_EQ(disk_.Files().at("/run/output/metrics.damaged-1.csv"), history);
  EXPECT_TRUE(files->Record(0, Row("a b", 3)).ok());
  EXPECT_THAT(disk_.Files().at("/run/output/metrics.csv"),
              AllOf(HasSubstr(",a b,0,"), HasSubstr(",a_b,1,"), HasSubstr(",a b,3,")));
}

TEST_F(RunFilesTest, F14_AFullDiskAtAnyPointIsAnErrorAndLosesNothing) {
  LeaveARun();
  const auto before = disk_.Files();
  size_t used = 0;
  for (const auto& [path, contents] : before) used += contents.size();
  int refused = 0;
  for (size_t room = 0; room < 40'000; room += 1 + room / 7) {
    disk_.SetCapacity(used + room);
    const Trials trials = Make(kTwo);
    const auto files = Open();
    v1::CheckpointManifest head;
    const bool restored = files->Restore(trials, kAnyData, &head).ok();
    const bool saved = Save(*files, trials).ok();
    const bool finished = files->Finish(trials, spec_, {}, {}).ok();
    EXPECT_TRUE(restored || (!saved && !finished)) << room;
    refused += restored ? 0 : 1;
    EXPECT_TRUE(restored || disk_.Files() == before) << room;
    disk_.SetCapacity(SIZE_MAX);
    Restored(Make(kTwo));
    disk_.Reset(before);
  }
  EXPECT_GT(refused, 5);
}

TEST_F(RunFilesTest, F14_NothingIsWrittenBeforeTheRunIsRestored) {
  const Trials trials = Make(kTwo);
  const auto files = Open();
  EXPECT_EQ(Save(*files, trials).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(files->Record(0, Row("a b", 0)).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(files->Finish(trials, spec_, {}, {}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(disk_.Files(), IsEmpty());
}

// ---- many lanes ---------------------------------------------------------------------------------

TEST_F(RunFilesTest, AHundredTrialsNeedAFewDescriptors) {
  std::string names;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&names, i == 0 ? "" : ", ", "{name: t-", i, "}");
  const Trials trials = Make(absl::StrCat("trials: [", names, "]\n"));
  const auto files = Restored(trials);
  for (int lane = 0; lane < 100; ++lane) {
    ASSERT_TRUE(files->Record(lane, Row(absl::StrCat("t-", lane), 0)).ok());
  }
  EXPECT_LT(disk_.OpenFilesMax(), 40);
}

}  // namespace
}  // namespace gradloom
