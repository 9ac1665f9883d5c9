#include "coordinator/store/folder_lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(FolderLockTest, F15_ASecondHolderIsToldWhoTheFirstIs) {
  const TemporaryFolder folder;
  const std::string path = folder / "state/deep";
  {
    const auto lock = FolderLock::Take(path);
    ASSERT_TRUE(lock.ok()) << lock.status();
    const absl::Status second = FolderLock::Take(path).status();
    EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(second.message(), AllOf(HasSubstr(absl::StrCat("folder ", path, " is in use")),
                                        HasSubstr(absl::StrCat("process ", getpid()))));
    EXPECT_TRUE(FolderLock::Take(folder / "state").ok()) << "another folder";
  }
  EXPECT_TRUE(FolderLock::Take(path).ok());
}

TEST(FolderLockTest, F15_ADeadHolderLeavesNoLock) {
  const TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = FolderLock::Take(folder.path());
    _exit(lock.ok() ? 0 : 1);  // no destructor
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_THAT(Slurp(folder / ".lock"), HasSubstr(absl::StrCat("process ", child)));
  EXPECT_TRUE(FolderLock::Take(folder.path()).ok());
}

TEST(FolderLockTest, AMovedLockIsHeldOnce) {
  const TemporaryFolder folder;
  auto first = FolderLock::Take(folder.path());
  ASSERT_TRUE(first.ok());
  {
    const FolderLock second = *std::move(first);
    EXPECT_FALSE(FolderLock::Take(folder.path()).ok());
  }
  EXPECT_TRUE(FolderLock::Take(folder.path()).ok());
}

TEST(FolderLockTest, WhatSomebodyElseWroteIntoTheFileIsNotRepeated) {
  const TemporaryFolder folder;
  const auto lock = FolderLock::Take(folder.path());
  ASSERT_TRUE(lock.ok());
  Spill(folder / ".lock", "forged\x1b[31m\nline");
  EXPECT_THAT(FolderLock::Take(folder.path()).status().message(),
              HasSubstr(".lock is held by another process"));
}

TEST(FolderLockTest, NeitherALinkNorAFifoNorAFileInTheWayIsFollowed) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink(folder / "elsewhere", folder / ".lock");
  EXPECT_THAT(FolderLock::Take(folder.path()).status().message(), HasSubstr("cannot open"));
  EXPECT_FALSE(std::filesystem::exists(folder / "elsewhere"));
  Spill(folder / "file", "mine");
  EXPECT_EQ(FolderLock::Take(folder / "file").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Slurp(folder / "file"), "mine");
}

}  // namespace
}  // namespace gradloom
