#include "coordinator/store/file_list.h"

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/crc32c.h"
#include "tests/coordinator/store/memory_file_system.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FileListTest : public ::testing::Test {
 protected:
  FileList Open() {
    auto list = FileList::Open("/out", disk_);
    EXPECT_TRUE(list.ok()) << list.status();
    return *std::move(list);
  }
  void Put(FileList& list, const std::string& name, const std::string& contents) {
    ASSERT_TRUE(list.Add(name, contents.size(), Crc32c(contents)).ok());
    disk_.Put("/out/" + name, contents);
  }
  // But the list itself.
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& [path, contents] : disk_.Files()) {
      if (path != "/out/.gradloom-files") names.push_back(path);
    }
    return names;
  }

  FileListTest() { disk_.Put("/out/notes.txt", "mine"); }
  MemoryFileSystem disk_;
};

TEST_F(FileListTest, F13_WhatWasOursGoesAndNothingElse) {
  {
    FileList list = Open();
    Put(list, "a", "1");
    Put(list, "b with blanks", "22");
    Put(list, "tensorboard/x/events", "3");
    Put(list, "tensorboard/y/events", "4");
  }
  disk_.Put("/out/tensorboard/y/mine", "");
  FileList list = Open();
  Put(list, "a", "new");
  ASSERT_TRUE(list.RemoveEarlier().ok());
  EXPECT_THAT(Names(), ElementsAre("/out/a", "/out/notes.txt", "/out/tensorboard/y/mine"));
  EXPECT_EQ(*disk_.KindOf("/out/tensorboard/x"), FileKind::kNone) << "left empty by us";
  // The second time there is nothing to remove, and what was added stays listed.
  ASSERT_TRUE(Open().RemoveEarlier().ok());
  EXPECT_THAT(Names(), ElementsAre("/out/notes.txt", "/out/tensorboard/y/mine"));
}

TEST_F(FileListTest, F13_WhoeverChangesAFileKeepsIt) {
  {
    FileList list = Open();
    Put(list, "run.yaml", "theirs");
    Put(list, "summary.json", "{}");
    Put(list, "model", "12");
  }
  disk_.Put("/out/run.yaml", "edited");
  ASSERT_TRUE(disk_.RemoveAll("/out/summary.json").ok());
  ASSERT_TRUE(disk_.RemoveAll("/out/model").ok());
  disk_.Put("/out/model/of/mine", "12");
  ASSERT_TRUE(Open().RemoveEarlier().ok());
  EXPECT_THAT(Names(), ElementsAre("/out/model/of/mine", "/out/notes.txt", "/out/run.yaml"));
}

TEST_F(FileListTest, F13_AFileThatWasAnnouncedAndNeverCameIsNoError) {
  { ASSERT_TRUE(Open().Add("never", 3, 7).ok()); }
  EXPECT_TRUE(Open().RemoveEarlier().ok());
}

TEST_F(FileListTest, F13_AListOfSomebodyElsesMakingReachesNowhere) {
  disk_.Put("/secret", "x");
  disk_.Put("/out/sub/x", "x");
  const uint32_t crc = Crc32c("x");
  disk_.Put("/out/.gradloom-files",
            absl::StrFormat("%08x 1 ../secret\n%08x 1 /secret\n%08x 1 sub/../../secret\nfolder 0 .."
                            "\nfolder 0 .\nfolder 0 sub\nnonsense\n\n%08x 1\nzz 1 sub/x\n"
                            "%08x one sub/x\n",
                            crc, crc, crc, crc, crc));
  FileList list = Open();
  EXPECT_TRUE(list.RemoveEarlier().ok());
  EXPECT_THAT(Names(), ElementsAre("/out/notes.txt", "/out/sub/x", "/secret"));
  EXPECT_THAT(list.Add("../x", 1, 1).message(), HasSubstr("'../x'; legal"));
}

TEST_F(FileListTest, F13_AFolderOfOursGoesWithAllInIt) {
  {
    FileList list = Open();
    EXPECT_FALSE(list.HasFolder("state"));
    ASSERT_TRUE(list.AddFolder("state").ok());
  }
  disk_.Put("/out/state/runs/1/run.json", "{}");
  FileList list = Open();
  EXPECT_TRUE(list.HasFolder("state"));
  ASSERT_TRUE(list.RemoveFolder("state").ok());
  EXPECT_THAT(Names(), ElementsAre("/out/notes.txt"));
  // Forgotten: a folder of that name is somebody else's from here on.
  disk_.Put("/out/state/mine", "");
  FileList later = Open();
  EXPECT_FALSE(later.HasFolder("state"));
  ASSERT_TRUE(later.RemoveFolder("state").ok());
  ASSERT_TRUE(later.RemoveEarlier().ok());
  EXPECT_THAT(Names(), ElementsAre("/out/notes.txt", "/out/state/mine"));
}

TEST_F(FileListTest, AFullDiskRefusesTheFileThatCannotBeListed) {
  FileList list = Open();
  disk_.SetCapacity(0);
  EXPECT_EQ(list.Add("a", 1, 1).code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace gradloom
