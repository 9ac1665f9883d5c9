#include "coordinator/store/file_reader.h"

#include <sys/stat.h>

#include <filesystem>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/memory_file_system.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(FileReaderTest, ReadsWhereItIsAskedTo) {
  MemoryFileSystem disk;
  disk.Put("/a", "0123456789");
  const auto reader = FileReader::Open(disk, "/a");
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader->size(), 10);
  std::string out(4, '?');
  const auto bytes = std::as_writable_bytes(std::span(out.data(), out.size()));
  ASSERT_TRUE(reader->Read(3, bytes).ok());
  EXPECT_EQ(out, "3456");
  EXPECT_EQ(*reader->ReadSome(8, bytes), 2);
  EXPECT_EQ(reader->Read(8, bytes).message(), "/a ends at byte 10; legal: 2 more");
}

// The first would block who opens it, the last two say nothing of their length.
TEST(FileReaderTest, F14_OnlyRegularFilesAreOpened) {
  const TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
  for (const std::string& path : {folder / "fifo", folder.path(), std::string("/dev/zero")}) {
    EXPECT_THAT(FileReader::Open(PosixFileSystem(), path).status().ToString(),
                HasSubstr("legal: a regular file"))
        << path;
  }
  EXPECT_EQ(FileReader::Open(PosixFileSystem(), folder / "none").status().code(),
            absl::StatusCode::kNotFound);
}

TEST(PosixFileSystemTest, ListsByNameAndTellsKinds) {
  const TemporaryFolder folder;
  Spill(folder / "b", "");
  std::filesystem::create_directory(folder / "c");
  std::filesystem::create_symlink(folder / "c", folder / "a");
  const auto entries = PosixFileSystem().List(folder.path());
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 3);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_EQ((*entries)[0].kind, FileKind::kOther);
  EXPECT_EQ((*entries)[1].kind, FileKind::kFile);
  EXPECT_EQ((*entries)[2].kind, FileKind::kFolder);
  EXPECT_EQ(*PosixFileSystem().KindOf(folder / "a"), FileKind::kFolder) << "links are followed";
  EXPECT_EQ(*PosixFileSystem().KindOf(folder / "d"), FileKind::kNone);
  EXPECT_EQ(*PosixFileSystem().KindOf(folder / "b/c"), FileKind::kNone);
  EXPECT_EQ(PosixFileSystem().List(folder / "d").status().code(), absl::StatusCode::kNotFound);
}

std::vector<std::string> LinesOf(const std::string& contents) {
  MemoryFileSystem disk;
  disk.Put("/a", contents);
  const auto reader = FileReader::Open(disk, "/a");
  LineReader lines(*reader);
  std::vector<std::string> result;
  for (;;) {
    const auto line = lines.Next();
    EXPECT_TRUE(line.ok());
    if (!line.ok() || !line->has_value()) return result;
    result.push_back(std::string((*line)->text) + ((*line)->ended ? "$" : "") +
                     ((*line)->cut ? "!" : ""));
  }
}

TEST(LineReaderTest, LinesWithAndWithoutAnEnd) {
  EXPECT_THAT(LinesOf(""), IsEmpty());
  EXPECT_THAT(LinesOf("a"), ElementsAre("a"));
  EXPECT_THAT(LinesOf("a\n"), ElementsAre("a$"));
  EXPECT_THAT(LinesOf("\n\nb"), ElementsAre("$", "$", "b"));
}

// Across the pieces in which the file is read, whatever their size.
TEST(LineReaderTest, LinesOfAllLengths) {
  std::string contents;
  std::vector<std::string> expected;
  for (size_t length = 1; length < 200'000; length = length * 3 + 1) {
    contents += std::string(length, 'x') + "\n";
    expected.push_back(std::string(length, 'x') + "$");
  }
  EXPECT_EQ(LinesOf(contents), expected);
}

TEST(LineReaderTest, AnEndlessLineIsCut) {
  const size_t max = LineReader::kLineBytesMax;
  EXPECT_THAT(LinesOf(std::string(max, 'x') + "\ny\n"),
              ElementsAre(std::string(max, 'x') + "$", "y$"));
  EXPECT_THAT(LinesOf(std::string(2 * max + 3, 'x') + "\ny"),
              ElementsAre(std::string(max, 'x') + "!", std::string(max, 'x') + "!", "xxx$", "y"));
}

}  // namespace
}  // namespace gradloom
