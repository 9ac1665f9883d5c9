// Those who judge a simulation are judged: a driver that does wrong on purpose must be seen, and a
// disk must lose what a disk may lose.
#include <algorithm>
#include <string>

#include "coordinator/store/atomic_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/ops/logging.h"
#include "tests/simulation/arrangements.h"

namespace gradloom {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const bool kQuiet = SetUpLogging("simulation", "text", "off").ok();

// Within some seeds; the same faults without the canary are no trouble.
Outcome Caught(Scenario scenario, Canary canary) {
  const Stage honest(scenario);
  scenario.canary = canary;
  const Stage broken(scenario);
  Outcome outcome;
  for (uint64_t seed = 1; seed <= 12 && outcome.unsafe.empty(); ++seed) {
    EXPECT_EQ(honest.Play(seed).state, v1::SUCCEEDED);
    outcome = broken.Play(seed);
  }
  return outcome;
}

Scenario Troubled(const std::string& name) {
  Scenario scenario = ArrangementOf(name);
  scenario.faults = Mixed(true);
  return scenario;
}

TEST(CanaryTest, AStaleReplyThatCountsIsSeen) {
  EXPECT_THAT(Caught(Troubled("Gc"), Canary::kCountsStaleReply).unsafe,
              Contains(HasSubstr("which nobody was asked for who has answered")));
}

TEST(CanaryTest, AReplyByAnotherWorkerThatIsLetInIsSeen) {
  Scenario scenario = Troubled("Uncoded");
  scenario.faults.wrong = 0.3;
  EXPECT_THAT(Caught(scenario, Canary::kTrustsAnyWorker).unsafe,
              Contains(HasSubstr("is let in, which is not wanted")));
}

TEST(CanaryTest, NumbersThatCrashesRepeatAreSeen) {
  EXPECT_THAT(Caught(Troubled("Gc"), Canary::kSameLife).unsafe,
              Contains(HasSubstr("has a number that was given before")));
}

TEST(CanaryTest, AnUpdateThatIsLeftOutIsSeen) {
  EXPECT_THAT(Caught(Troubled("Split"), Canary::kSkipsAnUpdate).unsafe,
              Contains(HasSubstr("jobs, not")));
}

TEST(CanaryTest, AnUpdateThatIsMadeTwiceIsSeen) {
  EXPECT_THAT(Caught(Troubled("MultiMessage"), Canary::kAppliesTwice).unsafe,
              Contains(HasSubstr("jobs, not")));
}

TEST(CanaryTest, ADiskThatForgetsIsSeen) {
  EXPECT_THAT(Caught(Troubled("Gc"), Canary::kDiskForgets).unsafe,
              Contains(HasSubstr("was saved")));
}

TEST(CanaryTest, ALoopThatIsNeverWokenIsSeen) {
  Scenario scenario = ArrangementOf("Gc");
  scenario.workers[3].gone = true;  // so the others must be waited for, and then begun with
  EXPECT_EQ(Stage(scenario).Play(1).state, v1::SUCCEEDED);
  scenario.canary = Canary::kNoTimer;
  const Stage stage(scenario);
  const Outcome outcome = stage.Play(1);
  EXPECT_THAT(outcome.unsafe, IsEmpty());
  EXPECT_THAT(outcome.not_live, HasSubstr("has not ended"));
}

// Other parameters than an undisturbed run's are seen at the very job.
TEST(CanaryTest, OtherBitsAreSeen) {
  const Stage stage(ArrangementOf("Gc"));
  Trajectory other = stage.undisturbed.trajectory;
  other[{0, 7}] = "something else";
  const Outcome outcome = SimulatedCluster(stage.scenario, stage.run, 5, &other).Run();
  EXPECT_THAT(outcome.unsafe, Contains(HasSubstr("trial 0 has other parameters after job 6 than")));
}

// ---- the disk -----------------------------------------------------------------------------------

std::string Read(SimulatedDisk& disk, const std::string& path) {
  return ReadFile(path, 1000, disk).value_or("(none)");
}

void Append(SimulatedDisk& disk, const std::string& path, const std::string& text, bool sync) {
  absl::StatusOr<int> file = disk.CreateFile(path);
  if (absl::IsAlreadyExists(file.status())) file = disk.OpenToAppend(path);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(disk.Write(*file, path, std::as_bytes(std::span(text))).ok());
  if (sync) {
    ASSERT_TRUE(disk.Sync(*file, path).ok());
  }
  ASSERT_TRUE(disk.Close(*file, path).ok());
}

TEST(SimulatedDiskTest, ACrashLeavesWhatWasSyncedContentsAndEntriesApart) {
  SimulatedDisk disk;
  Append(disk, "/kept", "synced", true);
  ASSERT_TRUE(disk.SyncFolder("/").ok());
  Append(disk, "/kept", " and not", false);
  Append(disk, "/nameless", "synced", true);
  EXPECT_EQ(Read(disk, "/kept"), "synced and not");
  disk.Crash();
  EXPECT_EQ(Read(disk, "/kept"), "synced");
  EXPECT_EQ(Read(disk, "/nameless"), "(none)") << "its folder was not synced";
}

TEST(SimulatedDiskTest, ARenamedFolderIsBackUnlessItsParentWasSynced) {
  for (const bool synced : {false, true}) {
    SimulatedDisk disk;
    ASSERT_TRUE(EnsureFolder(disk, "/a/tmp").ok());
    Append(disk, "/a/tmp/file", "x", true);
    ASSERT_TRUE(disk.SyncFolder("/a/tmp").ok());
    ASSERT_TRUE(disk.SyncFolder("/a").ok());
    ASSERT_TRUE(disk.Rename("/a/tmp", "/a/done").ok());
    if (synced) {
      ASSERT_TRUE(disk.SyncFolder("/a").ok());
    }
    disk.Crash();
    EXPECT_EQ(Read(disk, synced ? "/a/done/file" : "/a/tmp/file"), "x");
    EXPECT_EQ(*disk.KindOf(synced ? "/a/tmp" : "/a/done"), FileKind::kNone);
  }
}

TEST(SimulatedDiskTest, DiesInTheMidstAndRefusesOnce) {
  SimulatedDisk disk;
  disk.RefuseOnce();
  EXPECT_FALSE(disk.CreateFolder("/a").ok());
  EXPECT_TRUE(disk.CreateFolder("/a").ok());
  disk.DieAfter(1);
  const absl::StatusOr<int> file = disk.CreateFile("/a/file");
  ASSERT_TRUE(file.ok());
  const std::string text = "four";
  EXPECT_FALSE(disk.Write(*file, "/a/file", std::as_bytes(std::span(text))).ok());
  EXPECT_EQ(Read(disk, "/a/file"), "fo");
  EXPECT_FALSE(disk.Sync(*file, "/a/file").ok());
  disk.Crash();
  EXPECT_TRUE(disk.CreateFolder("/b").ok());
}

}  // namespace
}  // namespace gradloom
