#include "coordinator/store/append_file.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/memory_file_system.h"

namespace gradloom {
namespace {

TEST(AppendFilesTest, AnyNumberThroughAFew) {
  MemoryFileSystem disk;
  AppendFiles files(disk, 4);
  std::map<std::string, std::string> expected;
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(files.Create(absl::StrCat("/", i)).ok());
  // Some are written to all the time, others seldom.
  for (int step = 0; step < 500; ++step) {
    const std::string path = absl::StrCat("/", step % 3 == 0 ? step % 50 : step % 2);
    const std::string text = absl::StrCat(step, ",");
    ASSERT_TRUE(files.Append(path, text).ok());
    expected[path] += text;
  }
  EXPECT_LE(disk.OpenFilesMax(), 4);
  for (const auto& [path, contents] : disk.Files()) EXPECT_EQ(contents, expected[path]) << path;
}

TEST(AppendFilesTest, ErrorsAndTheEnd) {
  MemoryFileSystem disk;
  {
    AppendFiles files(disk, 1);
    EXPECT_EQ(files.Append("/a", "x").code(), absl::StatusCode::kNotFound);
    ASSERT_TRUE(files.Create("/a").ok());
    EXPECT_EQ(files.Create("/a").code(), absl::StatusCode::kAlreadyExists);
    ASSERT_TRUE(files.Append("/a", "x").ok());
  }
  EXPECT_EQ(disk.OpenFiles(), 0);
}

TEST(AppendFileTest, OutlivesItsPlaceInTheFolder) {
  MemoryFileSystem disk;
  const auto file = AppendFile::Create(disk, "/a");
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(disk.RemoveAll("/a").ok());
  EXPECT_TRUE((*file)->Append("x").ok());
  EXPECT_TRUE((*file)->Sync().ok());
  EXPECT_EQ(AppendFile::Open(disk, "/a").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gradloom
