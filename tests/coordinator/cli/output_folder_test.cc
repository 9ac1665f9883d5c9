#include "coordinator/cli/output_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/wire/crc32c.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class OutputFolderTest : public testing::Test {
 protected:
  std::unique_ptr<OutputFolder> Open(bool fresh) {
    auto folder = OutputFolder::Open(path_, "run", absl::UnixEpoch(), fresh);
    EXPECT_TRUE(folder.ok()) << folder.status();
    return *std::move(folder);
  }
  void Put(const std::string& name, const std::string& contents) {
    const std::filesystem::path path = path_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    Spill(path, contents);
  }
  // A file of the run, as it is fetched.
  void Fetched(OutputFolder& folder, const std::string& name) {
    ASSERT_TRUE(folder.Claim(name, name.size(), Crc32c(name)).ok());
    Put(name, name);
  }
  // Of all files but the lock and the list.
  std::set<std::string> Names() {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
      const std::string name = entry.path().lexically_relative(path_).string();
      if (entry.is_regular_file() && name != ".lock" && name != ".gradloom-files") {
        names.insert(name);
      }
    }
    return names;
  }

  TemporaryFolder temporary_;
  const std::string path_ = temporary_ / "out";
};

TEST_F(OutputFolderTest, F13_BegunAnewHoldsNothingOfTheRunBefore) {
  Put("notes.txt", "the user's own");
  Put("pretrained.safetensors", "the user's own");
  Put("logs/mine.log", "the user's own");
  {
    const auto folder = Open(false);
    for (const char* name : {"trial-0.safetensors", "gone.safetensors", "metrics.csv",
                             "invocations.csv", "tensorboard/gone/events.out.tfevents.1.gradloom.0",
                             "tensorboard/trial-0/events.out.tfevents.1.gradloom.0"}) {
      Fetched(*folder, name);
    }
    ASSERT_TRUE(folder->Write("summary.json", "{}").ok());
    ASSERT_TRUE(folder->Write("run.yaml", "name: x\n").ok());
    ASSERT_TRUE(folder->RemoveEarlierFiles().ok());
    Put("state/runs/1/run.json", "{}");
    Put("logs/coordinator.log", "");
    Put("logs/worker-12.log", "");
  }
  EXPECT_EQ(Names().size(), 14);
  Put("tensorboard/gone/mine", "the user's own");
  Put("run.yaml", "name: edited by the user\n");
  const auto folder = Open(true);
  EXPECT_THAT(Names(), UnorderedElementsAre("notes.txt", "pretrained.safetensors", "logs/mine.log",
                                            "tensorboard/gone/mine", "run.yaml"));
  EXPECT_FALSE(std::filesystem::exists(path_ + "/tensorboard/trial-0"));
  EXPECT_TRUE(std::filesystem::is_directory(folder->state()));
}

TEST_F(OutputFolderTest, F13_WhatARunLeavesOutGoesWhenItIsDone) {
  {
    const auto folder = Open(false);
    Fetched(*folder, "a.safetensors");
    Fetched(*folder, "b.safetensors");
    ASSERT_TRUE(folder->RemoveEarlierFiles().ok());
    ASSERT_TRUE(folder->RemoveState().ok());  // --no-keep-state
  }
  const auto folder = Open(false);
  EXPECT_THAT(Names(), ElementsAre("a.safetensors", "b.safetensors")) << "not before it is";
  Fetched(*folder, "a.safetensors");
  ASSERT_TRUE(folder->RemoveEarlierFiles().ok());
  EXPECT_THAT(Names(), ElementsAre("a.safetensors"));
}

TEST_F(OutputFolderTest, ARunThatGoesOnKeepsItsState) {
  Put("notes.txt", "");
  for (int life = 0; life < 3; ++life) {
    const auto folder = Open(false);
    Put("state/runs/1/run.json", "{}");
    Fetched(*folder, "a.safetensors");
    ASSERT_TRUE(folder->RemoveEarlierFiles().ok());
    EXPECT_THAT(Names(),
                UnorderedElementsAre("a.safetensors", "notes.txt", "state/runs/1/run.json"));
  }
}

TEST_F(OutputFolderTest, F13_AStateFolderOfTheUsersOwnIsSpared) {
  Put("state/california.csv", "the user's own");
  { Open(true); }
  {
    const auto folder = Open(false);
    Put("state/runs/1/run.json", "{}");
    Put("state/runs/notes.txt", "the user's own");
  }
  { Open(true); }
  EXPECT_THAT(Names(), UnorderedElementsAre("state/california.csv", "state/runs/notes.txt"));
}

// Made before there was a list.
TEST_F(OutputFolderTest, AnOlderStateFolderIsClearedOfItsRuns) {
  Put("state/runs/1/run.json", "{}");
  Put("state/runs/2/checkpoints/x", "");
  { Open(true); }
  EXPECT_THAT(Names(), ElementsAre());
}

TEST_F(OutputFolderTest, F15_AFolderInUseIsRefusedByNameAndProcess) {
  const auto folder = Open(false);
  const auto second = OutputFolder::Open(path_, "run", absl::UnixEpoch(), true);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(second.status().message(),
              AllOf(HasSubstr("--output: "), HasSubstr(path_), HasSubstr(absl::StrCat(getpid()))));
}

TEST_F(OutputFolderTest, F15_StateThatACoordinatorUsesIsNotRemoved) {
  { Open(false); }
  Put("state/runs/1/run.json", "{}");
  const auto coordinator = FolderLock::Take(path_ + "/state");
  ASSERT_TRUE(coordinator.ok());
  const auto fresh = OutputFolder::Open(path_, "run", absl::UnixEpoch(), true);
  EXPECT_THAT(fresh.status().message(), HasSubstr("/state is in use"));
  EXPECT_THAT(Names(), ElementsAre("state/.lock", "state/runs/1/run.json"));
}

TEST_F(OutputFolderTest, AFileInTheWayIsAnError) {
  Spill(path_, "");
  const auto folder = OutputFolder::Open(path_, "run", absl::UnixEpoch(), false);
  EXPECT_THAT(folder.status().message(), AllOf(HasSubstr("--output: "), HasSubstr(path_)));
}

}  // namespace
}  // namespace gradloom
