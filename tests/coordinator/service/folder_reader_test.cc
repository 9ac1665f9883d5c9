#include "coordinator/service/folder_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/number_format.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class FolderReaderTest : public testing::Test {
 protected:
  FolderReaderTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~FolderReaderTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
  }
  void Append(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary | std::ios::app) << text;
  }
  // What a client would have of all pieces: contents by name, as long as announced.
  static absl::StatusOr<std::map<std::string, std::string>> All(FolderReader& reader) {
    std::map<std::string, std::string> files;
    std::map<std::string, uint64_t> sizes;
    std::string name;
    v1::FetchResponse piece;
    while (true) {
      absl::StatusOr<bool> more = reader.Next(&piece);
      if (!more.ok()) return more.status();
      if (!*more) break;
      if (!piece.file().empty()) name = piece.file();
      if (!piece.file().empty()) sizes[name] = piece.size();
      EXPECT_EQ(piece.crc32c(), Crc32c(piece.content()));
      files[name] += piece.content();
    }
    for (const auto& [file, size] : sizes) EXPECT_EQ(files[file].size(), size) << file;
    return files;
  }

  const std::string folder_ = absl::StrCat(testing::TempDir(), "/folder-reader-", getpid());
};

TEST_F(FolderReaderTest, SendsRegularFilesOnly) {
  std::filesystem::create_directories(folder_ + "/below/deep");
  Write("b", "B");
  Write("empty", "");
  Write("below/deep/a", std::string(3 * FolderReader::kPiece / 2, 'x'));
  Write("run.yaml.tmp", "half");
  std::filesystem::create_symlink("/etc/passwd", folder_ + "/link");
  std::filesystem::create_directory_symlink("/etc", folder_ + "/links");
  ASSERT_EQ(mkfifo((folder_ + "/fifo").c_str(), 0600), 0);
  auto reader = FolderReader::Open(folder_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto files = All(*reader);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(*files,
              ElementsAre(Pair("b", "B"),
                          Pair("below/deep/a", std::string(3 * FolderReader::kPiece / 2, 'x')),
                          Pair("empty", "")));
  EXPECT_EQ(FolderReader::Open(folder_ + "/nothing").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FolderReaderTest, FilesThatChangeMeanwhileAreWhatTheyWere) {
  const std::string old(2 * FolderReader::kPiece, 'o');
  Write("grows", old);
  Write("is_replaced", old);
  Write("vanishes", old);
  auto reader = FolderReader::Open(folder_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  v1::FetchResponse first;
  ASSERT_TRUE(reader->Next(&first).value());
  EXPECT_EQ(first.file(), "grows");
  EXPECT_EQ(first.size(), old.size());
  Append("grows", "more");
  std::filesystem::remove(folder_ + "/vanishes");
  v1::FetchResponse second;
  ASSERT_TRUE(reader->Next(&second).value());
  EXPECT_EQ(first.content() + second.content(), old);
  ASSERT_TRUE(reader->Next(&first).value());
  EXPECT_EQ(first.file(), "is_replaced");
  Write("new", "N");
  std::filesystem::rename(folder_ + "/new", folder_ + "/is_replaced");
  ASSERT_TRUE(reader->Next(&second).value());
  EXPECT_EQ(first.content() + second.content(), old);
  EXPECT_FALSE(reader->Next(&first).value());
}

TEST_F(FolderReaderTest, AFileThatBecomesShorterIsAnErrorThatNamesIt) {
  Write("metrics.csv", std::string(2 * FolderReader::kPiece, 'o'));
  auto reader = FolderReader::Open(folder_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  v1::FetchResponse piece;
  ASSERT_TRUE(reader->Next(&piece).value());
  std::filesystem::resize_file(folder_ + "/metrics.csv", 10);
  const absl::Status status = reader->Next(&piece).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("metrics.csv became shorter"));
}

}  // namespace
}  // namespace gradloom
