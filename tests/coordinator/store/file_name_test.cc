#include "coordinator/store/file_name.h"

#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::MatchesRegex;
using ::testing::StartsWith;

TEST(FileNameTest, F07_PlainNamesAreTheirOwn) {
  for (const char* name :
       {"trial-0", "lr-0.1", "a_b", "x", "optimizer.learning_rate=0.1,optimizer.momentum=0.9",
        "layers=[8,8]", "v1.2~beta", "~", "console", "com", "com10", "lpt"}) {
    EXPECT_EQ(FileName(name), name);
  }
  const std::string longest(200, 'n');
  EXPECT_EQ(FileName(longest), longest);
}

TEST(FileNameTest, F07_EveryOtherNameGetsAReadablePartAndAHash) {
  EXPECT_EQ(FileName("a b"), "a_b~c8687a08aa5d6ed2");
  EXPECT_THAT(FileName("trial-0/layer-1"), MatchesRegex("trial-0_layer-1~[0-9a-f]{16}"));
  EXPECT_THAT(FileName("Adam"), MatchesRegex("Adam~[0-9a-f]{16}"));
  EXPECT_THAT(FileName(".."), MatchesRegex("__~[0-9a-f]{16}"));
  EXPECT_THAT(FileName(".hidden"), StartsWith("_hidden~"));
  EXPECT_THAT(FileName("nul.1"), StartsWith("_ul.1~"));
  EXPECT_THAT(FileName(""), StartsWith("_~"));
  // One sign a character, however many bytes it has.
  EXPECT_THAT(FileName("gr\xc3\xb6\xc3\x9f"
                       "e"),
              StartsWith("gr__e~"));
  EXPECT_THAT(FileName(absl::string_view("a\0b\n", 4)), StartsWith("a_b_~"));
}

// Names that are easily mistaken for each other, however they are written.
std::set<std::string> AwkwardNames() {
  std::set<std::string> names = {"",
                                 " ",
                                 ".",
                                 "..",
                                 "...",
                                 "_",
                                 "/",
                                 "//",
                                 "con",
                                 "CON",
                                 "con.",
                                 "\xff",
                                 "\xc3\xb6",
                                 "o\xcc\x88",
                                 "\xc3\x96",
                                 "a\tb",
                                 "a\x7f"
                                 "b"};
  const std::string parts[] = {"a", "A", "b", "/", "_", " ", ".", "-", "\\", ":", "~", "\n"};
  for (const std::string& x : parts) {
    for (const std::string& y : parts) {
      for (const std::string& z : parts) names.insert(x + y + z);
    }
  }
  for (const char* tail : {"", "0", "A", "/", "."}) {
    names.insert(std::string(180, 'n') + tail);
    names.insert(std::string(200, 'n') + tail);
    names.insert(std::string(300, 'n') + tail);
    names.insert(std::string(100'000, 'n') + tail);
  }
  // Names that look like the outcome of others.
  for (const std::string& name : std::set<std::string>(names)) {
    const std::string file = FileName(name);
    names.insert(file);
    names.insert(absl::AsciiStrToUpper(file));
    names.insert(FileName(file));
  }
  return names;
}

TEST(FileNameTest, F07_DifferentNamesHaveDifferentFilesWhereCaseDoesNotCountEither) {
  std::map<std::string, std::string> owner;
  for (const std::string& name : AwkwardNames()) {
    const auto [found, fresh] = owner.emplace(absl::AsciiStrToLower(FileName(name)), name);
    EXPECT_TRUE(fresh) << "'" << name << "' and '" << found->second << "' are both "
                       << FileName(name);
  }
  EXPECT_GT(owner.size(), 3000);
}

TEST(FileNameTest, F07_EveryFileNameIsLegalEverywhere) {
  for (const std::string& name : AwkwardNames()) {
    for (const std::string& file : {FileName(name), ReadableFileName(name)}) {
      EXPECT_EQ(file.find_first_of("/\\:*?\"<>| "), std::string::npos) << name;
      EXPECT_TRUE(std::all_of(file.begin(), file.end(), absl::ascii_isprint)) << name;
      EXPECT_FALSE(file[0] == '.' || file.back() == '.') << name;
      EXPECT_NE(absl::AsciiStrToLower(file), "con");
      EXPECT_LE(file.size(), 200) << name;
    }
  }
}

TEST(FileNameTest, TheReadablePartAloneKeepsWhatIsLegal) {
  EXPECT_EQ(ReadableFileName("MNIST"), "MNIST");
  EXPECT_EQ(ReadableFileName("my run/2"), "my_run_2");
  EXPECT_EQ(ReadableFileName(""), "_");
  EXPECT_EQ(ReadableFileName(std::string(300, 'x')).size(), 200);
}

}  // namespace
}  // namespace gradloom
