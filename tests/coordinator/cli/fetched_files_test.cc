// A coordinator that sends what it should not.
#include "coordinator/cli/fetched_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/wire/crc32c.h"
#include "proto/wire/number_format.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::FetchResponse Piece(const std::string& file, uint64_t size, const std::string& content) {
  v1::FetchResponse piece;
  piece.set_file(file);
  piece.set_size(size);
  piece.set_content(content);
  piece.set_crc32c(Crc32c(content));
  return piece;
}

class FetchedFilesTest : public testing::Test {
 protected:
  FetchedFilesTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~FetchedFilesTest() override { std::filesystem::remove_all(folder_); }

  std::string Read(const std::string& name) const {
    std::ifstream in(folder_ + "/" + name);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  const std::string folder_ = absl::StrCat(testing::TempDir(), "/fetched-", getpid());
};

TEST_F(FetchedFilesTest, WritesFilesInPieces) {
  FetchedFiles files(folder_);
  EXPECT_TRUE(files.Accept(Piece("a.txt", 6, "abc")).ok());
  EXPECT_TRUE(files.Accept(Piece("", 0, "def")).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/a.txt"));
  EXPECT_TRUE(files.Accept(Piece("", 0, "")).ok());  // an empty last piece is fine
  EXPECT_TRUE(files.Accept(Piece("empty", 0, "")).ok());
  EXPECT_TRUE(files.Accept(Piece("sub/b", 1, "x")).ok());
  EXPECT_TRUE(files.Finish().ok());
  EXPECT_THAT(files.files(), ElementsAre("a.txt", "empty", "sub/b"));
  EXPECT_EQ(Read("a.txt"), "abcdef");
  EXPECT_EQ(Read("sub/b"), "x");
}

TEST_F(FetchedFilesTest, F13_EachFileIsAnnouncedBeforeItIsThere) {
  std::vector<std::string> announced;
  FetchedFiles files(folder_, [&](const std::string& name, uint64_t bytes, uint32_t crc32c) {
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/" + name));
    EXPECT_EQ(crc32c, Crc32c("abc"));
    announced.push_back(absl::StrCat(name, " ", bytes));
    return name == "refused" ? absl::ResourceExhaustedError("no room") : absl::OkStatus();
  });
  EXPECT_TRUE(files.Accept(Piece("a", 3, "ab")).ok());
  EXPECT_TRUE(files.Accept(Piece("", 0, "c")).ok());
  EXPECT_TRUE(files.Accept(Piece("refused", 3, "abc")).ok());
  EXPECT_THAT(std::string(files.Finish().message()), HasSubstr("no room"));
  EXPECT_THAT(announced, ElementsAre("a 3", "refused 3"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/refused"));
}

TEST_F(FetchedFilesTest, SaysWhyAFileCannotBeWritten) {
  std::ofstream(folder_ + "/a");
  FetchedFiles files(folder_);
  EXPECT_THAT(std::string(files.Accept(Piece("a/b", 1, "x")).message()),
              HasSubstr("a file of that name is there"));
  FetchedFiles stale(folder_);
  std::ofstream(folder_ + "/c.part") << "of a crash";
  EXPECT_TRUE(stale.Accept(Piece("c", 1, "x")).ok());
  EXPECT_TRUE(stale.Finish().ok());
  EXPECT_EQ(Read("c"), "x");
}

TEST_F(FetchedFilesTest, RefusesNamesThatLeaveTheFolder) {
  for (const char* name :
       {"/etc/x", "..", "../x", "a/../../x", "a//b", "./a", "a/", "a\\b", "a\nb"}) {
    EXPECT_FALSE(IsSafeFileName(name)) << name;
    FetchedFiles files(folder_);
    EXPECT_EQ(files.Accept(Piece(name, 1, "x")).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_FALSE(IsSafeFileName(std::string(2000, 'a')));
  EXPECT_TRUE(IsSafeFileName("optimizer.learning_rate=0.1,seed=2.safetensors"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(FetchedFilesTest, RefusesDamageAndWrongSizes) {
  {
    FetchedFiles files(folder_);
    v1::FetchResponse piece = Piece("a", 3, "abc");
    piece.set_content("abd");
    EXPECT_THAT(std::string(files.Accept(piece).message()), HasSubstr("'a' was damaged"));
  }
  {
    FetchedFiles files(folder_);
    EXPECT_THAT(std::string(files.Accept(Piece("a", 2, "abc")).message()), HasSubstr("longer"));
  }
  {
    FetchedFiles files(folder_);
    EXPECT_TRUE(files.Accept(Piece("a", 4, "abc")).ok());
    EXPECT_THAT(std::string(files.Finish().message()), HasSubstr("1 bytes before"));
  }
  {
    FetchedFiles files(folder_);
    EXPECT_FALSE(files.Accept(Piece("", 0, "abc")).ok());
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));  // nothing half-written stays
}

}  // namespace
}  // namespace gradloom
