#include "coordinator/store/checkpoint_store.h"

#include <filesystem>
#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/faulty_file_system.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Checkpoint number k holds values that depend on k, so that mixing two is noticed.
std::vector<float> Values(uint64_t k, int trial, size_t length) {
  std::vector<float> values(length);
  for (size_t i = 0; i < length; ++i) {
    values[i] = static_cast<float>(1000 * k + 100 * trial) + 0.5F * static_cast<float>(i);
  }
  return values;
}

absl::StatusOr<SavedCheckpoint> Save(CheckpointStore& store, uint64_t k) {
  v1::CheckpointManifest manifest;
  manifest.set_run(3);
  manifest.set_rounds(k);
  manifest.set_seconds_running(0.1 * static_cast<double>(k));
  std::vector<std::vector<float>> values;
  std::vector<TrialSnapshot> trials(2);
  for (int t = 0; t < 2; ++t) {
    values.push_back(Values(k, t, 12));
    values.push_back(Values(k, t, 5));
  }
  for (int t = 0; t < 2; ++t) {
    trials[t].meta.set_name(absl::StrCat("trial/", t));
    trials[t].meta.set_jobs_done(k);
    trials[t].meta.set_loss(1.0 / 3);
    trials[t].tensors = {{"parameters", {3, 4}, values[2 * t]}, {"moment", {5}, values[2 * t + 1]}};
  }
  return store.Save(
      manifest, 2, [&](int t) { return trials[t]; }, [] { return absl::OkStatus(); });
}

CheckpointStore Open(const std::string& folder, int keep = 3) {
  absl::StatusOr<CheckpointStore> store = CheckpointStore::Open(folder, keep);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

// The number k of the checkpoint, once every value in it has been checked to be k's.
uint64_t CheckWhole(const LoadedCheckpoint& loaded) {
  const uint64_t k = loaded.manifest().rounds();
  EXPECT_EQ(loaded.manifest().run(), 3);
  EXPECT_EQ(loaded.manifest().seconds_running(), 0.1 * static_cast<double>(k));
  EXPECT_EQ(loaded.manifest().trials_size(), 2);
  for (int t = 0; t < 2; ++t) {
    EXPECT_EQ(loaded.manifest().trials(t).name(), absl::StrCat("trial/", t));
    EXPECT_EQ(loaded.manifest().trials(t).jobs_done(), k);
    EXPECT_EQ(loaded.manifest().trials(t).loss(), 1.0 / 3);
    std::vector<float> parameters(12);
    std::vector<float> moment(5);
    const absl::Status status = loaded.ReadTensors(
        t, std::vector<TensorDestination>{{"moment", moment}, {"parameters", parameters}});
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(parameters, Values(k, t, 12));
    EXPECT_EQ(moment, Values(k, t, 5));
  }
  return k;
}

std::vector<std::string> Names(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

class CheckpointStoreTest : public ::testing::Test {
 protected:
  TemporaryFolder root_;
  std::string folder_ = root_ / "runs/3/checkpoints";
};

TEST_F(CheckpointStoreTest, WhatIsSavedIsLoadedBack) {
  CheckpointStore store = Open(folder_);
  const auto saved = Save(store, 7);
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_EQ(saved->sequence, 1);
  EXPECT_TRUE(saved->cleanup.ok());
  const auto loaded = store.LoadNewest();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(CheckWhole(*loaded), 7);
  EXPECT_THAT(loaded->skipped(), IsEmpty());
  const auto header = loaded->ReadHeader(1);
  ASSERT_TRUE(header.ok());
  EXPECT_THAT(header->tensors.at("parameters").shape, ElementsAre(3, 4));
  EXPECT_EQ(header->metadata.at("jobs_done"), "7");
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/000000000001")) {
    bytes += entry.file_size();
  }
  EXPECT_EQ(saved->bytes, bytes);
}

TEST_F(CheckpointStoreTest, ReadErrorsNameTheTensor) {
  CheckpointStore store = Open(folder_);
  ASSERT_TRUE(Save(store, 7).ok());
  const auto loaded = store.LoadNewest();
  std::vector<float> values(4);
  EXPECT_THAT(
      loaded->ReadTensors(0, std::vector<TensorDestination>{{"moment", values}}).ToString(),
      HasSubstr("tensor 'moment' has 5 values of float32, but 4 of float32 were asked for"));
  std::vector<double> doubles(5);
  EXPECT_THAT(
      loaded->ReadTensors(0, std::vector<TensorDestination>{{"moment", {}, doubles}}).ToString(),
      HasSubstr("of float32, but 5 of float64 were asked for"));
  EXPECT_THAT(
      loaded->ReadTensors(0, std::vector<TensorDestination>{{"velocity", values}}).ToString(),
      HasSubstr("has no tensor 'velocity'; it has: moment, parameters"));
}

TEST_F(CheckpointStoreTest, KeepsTheLastFewAcrossRestarts) {
  {
    CheckpointStore store = Open(folder_, 2);
    for (uint64_t k = 1; k <= 3; ++k) ASSERT_TRUE(Save(store, k).ok());
  }
  EXPECT_THAT(Names(folder_), UnorderedElementsAre("000000000002", "000000000003"));
  CheckpointStore store = Open(folder_, 2);
  ASSERT_TRUE(Save(store, 4).ok());
  EXPECT_THAT(Names(folder_), UnorderedElementsAre("000000000003", "000000000004"));
  EXPECT_EQ(CheckWhole(*store.LoadNewest()), 4);
  CheckpointStore thrifty = Open(folder_, 1);
  ASSERT_TRUE(Save(thrifty, 5).ok());
  EXPECT_THAT(Names(folder_), ElementsAre("000000000005"));
}

TEST_F(CheckpointStoreTest, NothingThereIsNotFound) {
  const CheckpointStore store = Open(folder_);
  const auto loaded = store.LoadNewest();
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(loaded.status().message()), HasSubstr(folder_));
}

// Every way to damage each file of the newest checkpoint.
TEST_F(CheckpointStoreTest, FallsBackWhenTheNewestIsDamaged) {
  const std::vector<std::pair<std::string, std::function<void(const std::string&)>>> damages = {
      {"truncate", [](const std::string& p) { Spill(p, Slurp(p).substr(0, Slurp(p).size() / 2)); }},
      {"one byte short", [](const std::string& p) { Spill(p, Slurp(p).substr(1)); }},
      {"extend", [](const std::string& p) { Spill(p, Slurp(p) + "x"); }},
      {"empty", [](const std::string& p) { Spill(p, ""); }},
      {"delete", [](const std::string& p) { std::filesystem::remove(p); }},
      {"folder instead",
       [](const std::string& p) {
         std::filesystem::remove(p);
         std::filesystem::create_directory(p);
       }},
      {"flip first bit",
       [](const std::string& p) {
         std::string contents = Slurp(p);
         contents[0] ^= 1;
         Spill(p, contents);
       }},
      {"flip a late bit",
       [](const std::string& p) {
         std::string contents = Slurp(p);
         contents[contents.size() - 3] ^= 0x10;
         Spill(p, contents);
       }},
  };
  for (const char* file :
       {"manifest.json", "manifest.crc32c", "trial-0.safetensors", "trial-1.safetensors"}) {
    for (const auto& [name, damage] : damages) {
      SCOPED_TRACE(absl::StrCat(name, " ", file));
      std::filesystem::remove_all(folder_);
      CheckpointStore store = Open(folder_);
      for (uint64_t k = 1; k <= 3; ++k) ASSERT_TRUE(Save(store, k).ok());
      damage(folder_ + "/000000000003/" + file);
      auto loaded = store.LoadNewest();
      ASSERT_TRUE(loaded.ok()) << loaded.status();
      EXPECT_EQ(CheckWhole(*loaded), 2);
      ASSERT_EQ(loaded->skipped().size(), 1);
      EXPECT_THAT(loaded->skipped()[0], HasSubstr("checkpoint 3 is damaged: "));
      EXPECT_THAT(loaded->skipped()[0], HasSubstr(std::string(file).substr(0, 7)));
      // The next one takes a new number and becomes the newest.
      CheckpointStore restarted = Open(folder_);
      ASSERT_TRUE(Save(restarted, 9).ok());
      loaded = restarted.LoadNewest();
      EXPECT_EQ(CheckWhole(*loaded), 9);
      EXPECT_EQ(loaded->sequence(), 4);
    }
  }
}

TEST_F(CheckpointStoreTest, FallsBackFurtherAndSaysSo) {
  CheckpointStore store = Open(folder_);
  for (uint64_t k = 1; k <= 3; ++k) ASSERT_TRUE(Save(store, k).ok());
  std::filesystem::remove_all(folder_ + "/000000000003");
  std::filesystem::create_directory(folder_ + "/000000000003");
  std::filesystem::remove(folder_ + "/000000000002/trial-1.safetensors");
  const auto loaded = store.LoadNewest();
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(CheckWhole(*loaded), 1);
  EXPECT_EQ(loaded->skipped().size(), 2);
  std::filesystem::remove(folder_ + "/000000000001/manifest.json");
  const auto none = store.LoadNewest();
  EXPECT_EQ(none.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("checkpoint 1 is damaged"));
}

TEST_F(CheckpointStoreTest, F14_WhatACrashLeftStaysUntilTheNextSave) {
  CheckpointStore store = Open(folder_);
  ASSERT_TRUE(Save(store, 1).ok());
  std::filesystem::create_directory(folder_ + "/tmp-000000000002");
  Spill(folder_ + "/tmp-000000000002/trial-0.safetensors", "half");
  std::filesystem::create_directory(folder_ + "/tmp-old-000000000000");
  Spill(folder_ + "/notes.txt", "not ours");
  // A run that cannot be restored keeps all it has.
  CheckpointStore restarted = Open(folder_);
  EXPECT_EQ(CheckWhole(*restarted.LoadNewest()), 1);
  EXPECT_THAT(Names(folder_), UnorderedElementsAre("000000000001", "notes.txt", "tmp-000000000002",
                                                   "tmp-old-000000000000"));
  ASSERT_TRUE(Save(restarted, 2).ok());
  EXPECT_THAT(Names(folder_), UnorderedElementsAre("000000000001", "000000000002", "notes.txt"));
}

TEST_F(CheckpointStoreTest, NothingIsCommittedThatMayNotBe) {
  CheckpointStore store = Open(folder_);
  ASSERT_TRUE(Save(store, 1).ok());
  const auto refused = store.Save(
      {}, 0, [](int) { return TrialSnapshot(); }, [] { return absl::UnavailableError("later"); });
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Names(folder_), ElementsAre("000000000001"));
}

TEST_F(CheckpointStoreTest, OneTrialsStateIsAskedForAfterTheOther) {
  CheckpointStore store = Open(folder_);
  // Lent from the same place again and again.
  std::vector<float> values;
  const auto saved = store.Save(
      {}, 3,
      [&](int t) {
        values = Values(1, t, 4);
        TrialSnapshot snapshot;
        snapshot.tensors = {{"parameters", {4}, values}};
        return snapshot;
      },
      [] { return absl::OkStatus(); });
  ASSERT_TRUE(saved.ok()) << saved.status();
  const auto loaded = store.LoadNewest();
  for (int t = 0; t < 3; ++t) {
    std::vector<float> read(4);
    ASSERT_TRUE(loaded->ReadTensors(t, std::vector<TensorDestination>{{"parameters", read}}).ok());
    EXPECT_EQ(read, Values(1, t, 4));
  }
}

TEST_F(CheckpointStoreTest, OpenErrors) {
  EXPECT_THAT(CheckpointStore::Open(folder_, 0).status().ToString(),
              HasSubstr("checkpoint.keep is 0; legal: at least 1"));
  Spill(root_ / "file", "");
  const absl::Status status = CheckpointStore::Open(root_ / "file/checkpoints", 1).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(root_ / "file"));
}

TEST_F(CheckpointStoreTest, ABadTensorLeavesNothingBehind) {
  CheckpointStore store = Open(folder_);
  ASSERT_TRUE(Save(store, 1).ok());
  const std::vector<float> values(3);
  TrialSnapshot trial;
  trial.tensors = {{"parameters", {4}, values}};
  const auto saved = store.Save(
      {}, 1, [&](int) { return trial; }, [] { return absl::OkStatus(); });
  EXPECT_EQ(saved.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Names(folder_), ElementsAre("000000000001"));
}

// The disk refuses one operation, whichever: Save says so, and nothing is lost.
TEST_F(CheckpointStoreTest, AnErrorAtAnyStepLosesNothing) {
  for (int fail_at = 0;; ++fail_at) {
    SCOPED_TRACE(absl::StrCat("operation ", fail_at));
    std::filesystem::remove_all(folder_);
    CheckpointStore before = Open(folder_, 2);
    for (uint64_t k = 1; k <= 2; ++k) ASSERT_TRUE(Save(before, k).ok());
    FaultyFileSystem files(fail_at, FaultyFileSystem::Fault::kError);
    auto store = CheckpointStore::Open(folder_, 2, files);
    ASSERT_TRUE(store.ok());  // nothing to create
    const auto saved = Save(*store, 3);
    if (!files.fault_happened()) {
      EXPECT_TRUE(saved.ok());
      EXPECT_GT(fail_at, 20);
      break;
    }
    EXPECT_TRUE(!saved.ok() || !saved->cleanup.ok());
    const uint64_t k = CheckWhole(*store->LoadNewest());
    EXPECT_TRUE(saved.ok() ? k == 3 : k == 2 || k == 3) << k;
    // The disk is well again.
    ASSERT_TRUE(Save(*store, 4).ok());
    EXPECT_EQ(CheckWhole(*store->LoadNewest()), 4);
  }
}

// The machine stops at each operation of a Save; what was not synced is lost or not.
TEST_F(CheckpointStoreTest, ACrashAtAnyStepLeavesAWholeCheckpoint) {
  for (const bool lose_unsynced : {false, true}) {
    std::set<uint64_t> seen;
    for (int fail_at = 0;; ++fail_at) {
      SCOPED_TRACE(absl::StrCat("operation ", fail_at, " lose ", lose_unsynced));
      std::filesystem::remove_all(folder_);
      CheckpointStore before = Open(folder_, 1);
      ASSERT_TRUE(Save(before, 1).ok());
      FaultyFileSystem files(fail_at, FaultyFileSystem::Fault::kCrash);
      auto store = CheckpointStore::Open(folder_, 1, files);
      ASSERT_TRUE(store.ok());
      const auto saved = Save(*store, 2);
      if (!files.fault_happened()) break;
      if (lose_unsynced) files.Lose();
      CheckpointStore restarted = Open(folder_, 1);
      const auto loaded = restarted.LoadNewest();
      ASSERT_TRUE(loaded.ok()) << loaded.status();
      EXPECT_THAT(loaded->skipped(), IsEmpty());
      const uint64_t k = CheckWhole(*loaded);
      if (saved.ok()) {
        EXPECT_EQ(k, 2);
      }
      seen.insert(k);
      ASSERT_TRUE(Save(restarted, 3).ok());
      for (const std::string& name : Names(folder_)) EXPECT_EQ(name.find("tmp-"), name.npos);
    }
    EXPECT_THAT(seen, ElementsAre(1, 2));
  }
}

TEST_F(CheckpointStoreTest, ManifestsOfOtherFormatsOrOutsideFilesAreRefused) {
  const auto error = [](const std::string& json, const std::string& checksum) {
    const auto manifest = ParseManifest(json, checksum);
    EXPECT_EQ(manifest.status().code(), absl::StatusCode::kDataLoss);
    return std::string(manifest.status().message());
  };
  // CRCs by an independent implementation (bitwise, in Python).
  EXPECT_THAT(error("{\"format\": 2}", "8097e52c"), HasSubstr("format 2; legal: 1"));
  EXPECT_THAT(error(R"({"format":1,"trials":[{"file":"../x"}]})", "c0ff2d98\n"),
              HasSubstr("trial file '../x'"));
  EXPECT_THAT(error("{\"format\": 2}", "00000000"), HasSubstr("says otherwise"));
}

}  // namespace
}  // namespace gradloom
