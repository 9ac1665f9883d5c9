#include "coordinator/store/tensorboard_writer.h"

#include <filesystem>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/python.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

absl::Status WriteTwo(TensorboardWriter& writer) {
  const std::vector<Scalar> first = {{"loss", 2.5}, {"test/accuracy", 0.125}};
  absl::Status status = writer.Write(1700000001.5, 5, first);
  status.Update(writer.Write(1700000002, 300, std::vector<Scalar>{{"loss", -0.0625}}));
  return status;
}

// Computed by hand from the format: the version record that opens every event file.
TEST(TensorboardWriterTest, BytesOfTheFirstRecord) {
  const TemporaryFolder folder;
  ASSERT_TRUE(TensorboardWriter::Create(folder / "a", 0.0, 0).ok());
  const std::string contents = Slurp(folder / "a/events.out.tfevents.0000000000.gradloom.0000");
  // Field 3, 13 characters; wall_time 0 is not written in proto3.
  const std::string data = std::string("\x1a\x0d") + "brain.Event:2";
  EXPECT_EQ(contents.substr(0, 8), std::string("\x0f\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(contents.substr(12, data.size()), data);
}

TEST(TensorboardWriterTest, AnIndependentReaderAgrees) {
  if (!HasPythonWithNumpy()) GTEST_SKIP() << "python3 with numpy is missing";
  const TemporaryFolder folder;
  auto writer = TensorboardWriter::Create(folder / "run/trial-0", 1700000000.25, 5);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(WriteTwo(*writer).ok());
  int status = 0;
  const std::string output =
      RunPython("read_events.py",
                folder / "run/trial-0/events.out.tfevents.1700000000.gradloom.0000", &status);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(output,
            "1700000000.250 step 0 version brain.Event:2\n"
            "1700000000.250 step 5 session 1\n"
            "1700000001.500 step 5 loss=2.5 test/accuracy=0.125\n"
            "1700000002.000 step 300 loss=-0.0625\n");
}

TEST(TensorboardWriterTest, AQuickRestartTakesANewFileThatSortsLater) {
  const TemporaryFolder folder;
  ASSERT_TRUE(TensorboardWriter::Create(folder.path(), 1700000000, 0).ok());
  ASSERT_TRUE(TensorboardWriter::Create(folder.path(), 1700000000.9, 7).ok());
  ASSERT_TRUE(TensorboardWriter::Create(folder.path(), 1700000001, 9).ok());
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    names.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(names,
              ::testing::UnorderedElementsAre("events.out.tfevents.1700000000.gradloom.0000",
                                              "events.out.tfevents.1700000000.gradloom.0001",
                                              "events.out.tfevents.1700000001.gradloom.0000"));
}

TEST(TensorboardWriterTest, AFolderThatCannotBeMadeIsAnError) {
  const TemporaryFolder folder;
  Spill(folder / "file", "");
  EXPECT_FALSE(TensorboardWriter::Create(folder / "file/trial", 1, 0).ok());
}

}  // namespace
}  // namespace gradloom
