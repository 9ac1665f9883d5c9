#include "coordinator/store/tensorboard_writer.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/memory_file_system.h"
#include "tests/coordinator/store/python.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<Scalar> kLoss = {{"loss", 2.5}};

absl::Status WriteTwo(TensorboardWriter& writer) {
  const std::vector<Scalar> first = {{"loss", 2.5}, {"test/accuracy", 0.125}};
  absl::Status status = writer.Write(1700000001.5, 5, first);
  status.Update(writer.Write(1700000002, 300, std::vector<Scalar>{{"loss", -0.0625}}));
  return status;
}

std::vector<std::string> Names(FileSystem& files, const std::string& folder) {
  const auto entries = files.List(folder);
  EXPECT_TRUE(entries.ok()) << entries.status();
  std::vector<std::string> names;
  for (const FolderEntry& entry : *entries) names.push_back(entry.name);
  return names;
}

// Computed by hand from the format: the version record that opens every event file.
TEST(TensorboardWriterTest, BytesOfTheFirstRecord) {
  MemoryFileSystem disk;
  AppendFiles files(disk, 2);
  ASSERT_TRUE(TensorboardWriter("/a", 0, &files).Write(0.0, 0, kLoss).ok());
  const std::string contents = disk.Files().at("/a/events.out.tfevents.0000000000.gradloom.0000");
  // Field 3, 13 characters; wall_time 0 is not written in proto3.
  const std::string data = std::string("\x1a\x0d") + "brain.Event:2";
  EXPECT_EQ(contents.substr(0, 8), std::string("\x0f\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(contents.substr(12, data.size()), data);
}

TEST(TensorboardWriterTest, AnIndependentReaderAgrees) {
  if (!HasPythonWithNumpy()) GTEST_SKIP() << "python3 with numpy is missing";
  const TemporaryFolder folder;
  AppendFiles files(PosixFileSystem(), 2);
  TensorboardWriter writer(folder / "run/trial-0", 5, &files);
  ASSERT_TRUE(WriteTwo(writer).ok());
  int status = 0;
  const std::string output =
      RunPython("read_events.py",
                folder / "run/trial-0/events.out.tfevents.1700000001.gradloom.0000", &status);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(output,
            "1700000001.500 step 0 version brain.Event:2\n"
            "1700000001.500 step 5 session 1\n"
            "1700000001.500 step 5 loss=2.5 test/accuracy=0.125\n"
            "1700000002.000 step 300 loss=-0.0625\n");
}

TEST(TensorboardWriterTest, F14_NothingIsTouchedBeforeTheFirstScalar) {
  MemoryFileSystem disk;
  AppendFiles files(disk, 2);
  const TensorboardWriter writer("/run/trial-0", 5, &files);
  EXPECT_THAT(Names(disk, "/"), IsEmpty());
}

TEST(TensorboardWriterTest, AQuickRestartTakesANewFileThatSortsLater) {
  MemoryFileSystem disk;
  AppendFiles files(disk, 2);
  ASSERT_TRUE(TensorboardWriter("/a", 0, &files).Write(1700000000, 0, kLoss).ok());
  ASSERT_TRUE(TensorboardWriter("/a", 7, &files).Write(1700000000.9, 7, kLoss).ok());
  ASSERT_TRUE(TensorboardWriter("/a", 9, &files).Write(1700000001, 9, kLoss).ok());
  const std::vector<std::string> names = Names(disk, "/a");
  EXPECT_THAT(names, ElementsAre("events.out.tfevents.1700000000.gradloom.0000",
                                 "events.out.tfevents.1700000000.gradloom.0001",
                                 "events.out.tfevents.1700000001.gradloom.0000"));
  for (const std::string& name : names) EXPECT_TRUE(IsEventFileName(name)) << name;
  for (const char* other :
       {"events.out.tfevents.1.gradloom.", "events.out.tfevents.1.host.0",
        "events.out.tfevents..gradloom.1", "events.out.tfevents.1.gradloom.1x", "notes.txt", ""}) {
    EXPECT_FALSE(IsEventFileName(other)) << other;
  }
}

TEST(TensorboardWriterTest, AFolderThatCannotBeMadeIsAnError) {
  MemoryFileSystem disk;
  disk.Put("/file", "");
  AppendFiles files(disk, 2);
  EXPECT_FALSE(TensorboardWriter("/file/trial", 0, &files).Write(1, 0, kLoss).ok());
}

// 4,096 trials are legal, 1,024 descriptors the usual limit.
TEST(TensorboardWriterTest, ManyLanesShareFewDescriptors) {
  MemoryFileSystem disk;
  AppendFiles files(disk, 3);
  std::vector<TensorboardWriter> writers;
  for (int lane = 0; lane < 20; ++lane) {
    writers.emplace_back(absl::StrCat("/tensorboard/trial-", lane), 0, &files);
  }
  for (int step = 0; step < 5; ++step) {
    for (TensorboardWriter& writer : writers) {
      ASSERT_TRUE(writer.Write(1700000000, step, kLoss).ok());
    }
  }
  EXPECT_EQ(disk.OpenFilesMax(), 3);
  const auto contents = disk.Files();
  EXPECT_EQ(contents.size(), 20) << "each goes on in its one file";
  for (const auto& [path, bytes] : contents) EXPECT_EQ(bytes, contents.begin()->second) << path;
}

// TensorBoard reads nothing beyond a damaged record.
TEST(TensorboardWriterTest, AfterHalfARecordANewFileIsBegun) {
  MemoryFileSystem disk;
  AppendFiles files(disk, 1);
  TensorboardWriter writer("/a", 0, &files);
  ASSERT_TRUE(writer.Write(1700000000, 0, kLoss).ok());
  disk.SetCapacity(disk.Files().begin()->second.size() + 5);
  EXPECT_EQ(writer.Write(1700000001, 1, kLoss).code(), absl::StatusCode::kResourceExhausted);
  disk.SetCapacity(SIZE_MAX);
  ASSERT_TRUE(writer.Write(1700000002, 1, kLoss).ok());
  EXPECT_THAT(Names(disk, "/a"), ElementsAre("events.out.tfevents.1700000000.gradloom.0000",
                                             "events.out.tfevents.1700000002.gradloom.0000"));
}

TEST(TensorboardWriterTest, AFileThatSomebodyRemovedIsBegunAnew) {
  MemoryFileSystem disk;
  AppendFiles files(disk, 1);
  TensorboardWriter writer("/a", 0, &files);
  ASSERT_TRUE(writer.Write(1700000000, 0, kLoss).ok());
  ASSERT_TRUE(TensorboardWriter("/b", 0, &files).Write(1700000000, 0, kLoss).ok());
  ASSERT_TRUE(disk.RemoveAll("/a").ok());
  ASSERT_TRUE(writer.Write(1700000001, 1, kLoss).ok());
  EXPECT_THAT(Names(disk, "/a"), ElementsAre("events.out.tfevents.1700000001.gradloom.0000"));
}

}  // namespace
}  // namespace gradloom
