#include "coordinator/store/run_store.h"

#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/faulty_file_system.h"
#include "tests/coordinator/store/memory_file_system.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::RunRecord Record(const std::string& name) {
  v1::RunRecord record;
  record.mutable_spec()->set_name(name);
  record.mutable_spec()->mutable_optimizer()->set_learning_rate(0.1);
  record.mutable_spec()->mutable_checkpoint()->mutable_every()->set_seconds(30);
  record.set_state("QUEUED");
  record.set_submitted_unix_seconds(1234567890);
  return record;
}

RunStore Open(const std::string& folder) {
  absl::StatusOr<RunStore> store = RunStore::Open(folder);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

TEST(RunStoreTest, RecordsSurviveARestartUnchanged) {
  const TemporaryFolder state;
  {
    RunStore store = Open(state / "state");
    EXPECT_EQ(*store.Create(Record("first")), 1);
    EXPECT_EQ(*store.Create(Record("second")), 2);
    v1::RunRecord changed = Record("second");
    changed.set_run(2);
    changed.set_state("RUNNING");
    changed.set_resumes(4);
    ASSERT_TRUE(store.Save(changed).ok());
  }
  RunStore store = Open(state / "state");
  const auto listing = store.List();
  ASSERT_TRUE(listing.ok());
  EXPECT_THAT(listing->skipped, IsEmpty());
  ASSERT_EQ(listing->runs.size(), 2);
  v1::RunRecord first = Record("first");
  first.set_run(1);
  EXPECT_EQ(listing->runs[0].SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(listing->runs[1].state(), "RUNNING");
  EXPECT_EQ(listing->runs[1].resumes(), 4);
  EXPECT_EQ(*store.Create(Record("third")), 3);
  EXPECT_EQ(store.Folder(3), state / "state/runs/3");
}

TEST(RunStoreTest, ListsByNumberNotByName) {
  const TemporaryFolder state;
  RunStore store = Open(state.path());
  for (int k = 1; k <= 11; ++k) ASSERT_EQ(*store.Create(Record("r")), k);
  const auto listing = store.List();
  for (int k = 1; k <= 11; ++k) EXPECT_EQ(listing->runs[k - 1].run(), k);
}

TEST(RunStoreTest, DamagedRecordsAreReportedAndTheirIdsStayTaken) {
  const TemporaryFolder state;
  RunStore store = Open(state.path());
  for (int k = 1; k <= 4; ++k) ASSERT_TRUE(store.Create(Record("r")).ok());
  Spill(store.Folder(4) + "/run.json", "{\"run\": ");
  Spill(store.Folder(3) + "/run.json", "{\"run\": \"9\"}");
  Spill(store.Folder(2) + "/run.json", "{\"run\": \"2\", \"colour\": 1}");
  std::filesystem::create_directory(state / "runs/archive");
  RunStore restarted = Open(state.path());
  const auto listing = restarted.List();
  ASSERT_TRUE(listing.ok());
  EXPECT_EQ(listing->runs.size(), 1);
  ASSERT_EQ(listing->skipped.size(), 3);
  EXPECT_EQ(listing->skipped[0].run, 2);
  EXPECT_THAT(listing->skipped[0].reason, HasSubstr("colour"));
  EXPECT_THAT(listing->skipped[1].reason, HasSubstr("run is 9; legal: 3"));
  EXPECT_THAT(listing->skipped[2].reason, HasSubstr("runs/4/run.json cannot be read"));
  EXPECT_EQ(*restarted.Create(Record("r")), 5);
}

// Opening one of these to read would wait for ever, or fill the memory.
TEST(RunStoreTest, F14_WhatIsNoRecordHurtsNoOther) {
  const TemporaryFolder state;
  RunStore store = Open(state.path());
  for (int k = 1; k <= 4; ++k) ASSERT_TRUE(store.Create(Record("r")).ok());
  for (int k = 1; k <= 3; ++k) std::filesystem::remove(store.Folder(k) + "/run.json");
  ASSERT_EQ(mkfifo((store.Folder(1) + "/run.json").c_str(), 0600), 0);
  std::filesystem::create_directory(store.Folder(2) + "/run.json");
  Spill(store.Folder(3) + "/run.json", "");
  Spill(state / "runs/5", "a file");
  const auto restarted = RunStore::Open(state.path());
  ASSERT_TRUE(restarted.ok()) << restarted.status();
  const auto listing = restarted->List();
  ASSERT_TRUE(listing.ok()) << listing.status();
  ASSERT_EQ(listing->runs.size(), 1);
  EXPECT_EQ(listing->runs[0].run(), 4);
  EXPECT_EQ(listing->skipped.size(), 4);
  EXPECT_EQ(Slurp(state / "runs/5"), "a file");
}

TEST(RunStoreTest, NeedsNoDisk) {
  MemoryFileSystem files;
  {
    auto store = RunStore::Open("/state", files);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_EQ(*store->Create(Record("first")), 1);
    files.SetCapacity(0);
    EXPECT_EQ(store->Create(Record("no room")).status().code(),
              absl::StatusCode::kResourceExhausted);
  }
  const auto store = RunStore::Open("/state", files);
  const auto listing = store->List();
  ASSERT_TRUE(listing.ok());
  EXPECT_THAT(listing->skipped, IsEmpty());
  ASSERT_EQ(listing->runs.size(), 1);
  EXPECT_EQ(listing->runs[0].spec().name(), "first");
  EXPECT_EQ(files.OpenFiles(), 0);
}

TEST(RunStoreTest, ACrashAtAnyStepOfCreateOrSaveLeavesWholeRecords) {
  for (const bool lose_unsynced : {false, true}) {
    for (int fail_at = 0;; ++fail_at) {
      SCOPED_TRACE(absl::StrCat("operation ", fail_at, " lose ", lose_unsynced));
      const TemporaryFolder state;
      RunStore before = Open(state.path());
      ASSERT_TRUE(before.Create(Record("old")).ok());
      FaultyFileSystem files(fail_at, FaultyFileSystem::Fault::kCrash);
      auto store = RunStore::Open(state.path(), files);
      ASSERT_TRUE(store.ok());
      v1::RunRecord changed = Record("old");
      changed.set_run(1);
      changed.set_state("DONE");
      const absl::Status saved = store->Save(changed);
      const auto created = store->Create(Record("new"));
      if (!files.fault_happened()) {
        EXPECT_GT(fail_at, 12);
        break;
      }
      if (lose_unsynced) files.Lose();
      RunStore restarted = Open(state.path());
      const auto listing = restarted.List();
      ASSERT_TRUE(listing.ok());
      EXPECT_THAT(listing->skipped, IsEmpty());
      ASSERT_GE(listing->runs.size(), created.ok() ? 2 : 1);
      EXPECT_EQ(listing->runs[0].spec().name(), "old");
      if (saved.ok()) {
        EXPECT_EQ(listing->runs[0].state(), "DONE");
      }
      EXPECT_TRUE(restarted.Create(Record("next")).ok());
    }
  }
}

}  // namespace
}  // namespace gradloom
