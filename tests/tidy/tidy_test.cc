// The source tree keeps its own rules. Every rule is also shown a tree that breaks it, so that none
// can pass by never finding anything.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/tree.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const Tree& ThisTree() {
  static const Tree& tree = *new Tree(ReadTree(GRADLOOM_SOURCE_DIR));
  return tree;
}

Tree One(const std::string& path, absl::string_view text) { return {{path, Lines(text)}}; }

TEST(Tidy, IncludesPointOneWay) { EXPECT_THAT(ForbiddenIncludes(ThisTree()), IsEmpty()); }
TEST(Tidy, PureFoldersAndTestsCallNoClockOrSleep) {
  EXPECT_THAT(BannedCalls(ThisTree()), IsEmpty());
}
TEST(Tidy, EverySourceIsBuilt) { EXPECT_THAT(UnlistedSources(ThisTree()), IsEmpty()); }
TEST(Tidy, NothingIsLeftToBeDone) { EXPECT_THAT(LeftoverMarkers(ThisTree()), IsEmpty()); }
TEST(Tidy, NoTabsNorTrailingBlanks) { EXPECT_THAT(TabsAndTrailingBlanks(ThisTree()), IsEmpty()); }
TEST(Tidy, FoldersExplainThemselves) { EXPECT_THAT(MissingReadmes(ThisTree()), IsEmpty()); }
TEST(Tidy, HeaderGuardsMatchPaths) { EXPECT_THAT(WrongHeaderGuards(ThisTree()), IsEmpty()); }
TEST(Tidy, FilesAreShort) { EXPECT_THAT(LongFiles(ThisTree()), IsEmpty()); }
TEST(Tidy, NoPathsOfSomeonesMachine) { EXPECT_THAT(MachinePaths(ThisTree()), IsEmpty()); }

TEST(TidyRule, FindsForbiddenIncludes) {
  EXPECT_THAT(ForbiddenIncludes(One("coding/a.cc", "\n#include \"models/random.h\"\n")),
              ElementsAre(StartsWith("coding/a.cc:2: coding/ must not include models/random.h")));
  EXPECT_THAT(ForbiddenIncludes(One("coding/a.cc", "#include <thread>")),
              ElementsAre(HasSubstr("must not use thread")));
  EXPECT_THAT(ForbiddenIncludes(One("models/a.h", "#include \"gradloom/v1/worker.pb.h\"")),
              ElementsAre(HasSubstr("worker.pb.h")));
  EXPECT_THAT(ForbiddenIncludes(One("models/a.h", "#include \"gradloom/v1/run.pb.h\"")), IsEmpty());
  EXPECT_THAT(ForbiddenIncludes(One("worker/a.cc", "#include \"coordinator/core/events.h\"")),
              ElementsAre(HasSubstr("worker/ must not include")));
  EXPECT_THAT(ForbiddenIncludes(One("coordinator/a.cc", "#include \"worker/a.h\"")),
              ElementsAre(HasSubstr("coordinator/ must not include worker/a.h")));
  // The longest folder's rule counts: what adapters may include, the core may not.
  const std::string models = "#include \"models/random.h\"";
  EXPECT_THAT(ForbiddenIncludes(One("coordinator/engine/a.cc", models)), IsEmpty());
  EXPECT_THAT(ForbiddenIncludes(One("coordinator/core/a.cc", models)),
              ElementsAre(HasSubstr("coordinator/core/ must not include")));
}

TEST(TidyRule, FindsBannedCallsButNotInCommentsAndLiterals) {
  EXPECT_THAT(BannedCalls(One("coordinator/core/a.cc", "int x;\nauto t = absl::Now();")),
              ElementsAre(StartsWith("coordinator/core/a.cc:2: absl::Now")));
  EXPECT_THAT(BannedCalls(One("tests/a_test.cc", "absl::SleepFor(absl::Seconds(1));")),
              ElementsAre(HasSubstr("SleepFor")));
  EXPECT_THAT(BannedCalls(One("coordinator/main.cc", "auto t = absl::Now();")), IsEmpty());
  EXPECT_THAT(BannedCalls(One("coding/a.cc",
                              "// absl::Now()\nchar c = '\"'; auto s = \"sleep_for\"; /* rand()\n"
                              "rand() */ f(R\"(\nrand()\n)\"); Strand(); g(1'000);")),
              IsEmpty());
  EXPECT_THAT(BannedCalls(One("coding/a.cc", "/* why */ g(1'000, \"\\\"\"); int x = rand();")),
              ElementsAre(HasSubstr("rand is banned")));
}

TEST(TidyRule, FindsUnlistedSources) {
  Tree tree = {{"coding/codes/a.cc", {}},
               {"coding/codes/b.cc", {}},
               {"coding/CMakeLists.txt", {"add_library(x codes/a.cc)  # codes/b.cc"}},
               {"tests/a_test.cc", {}},
               {"tests/CMakeLists.txt", {"gradloom_test(a_test x)"}}};
  EXPECT_THAT(UnlistedSources(tree), ElementsAre(StartsWith("coding/codes/b.cc:1:")));
  tree.erase("coding/CMakeLists.txt");
  EXPECT_EQ(UnlistedSources(tree).size(), 2u);
}

TEST(TidyRule, FindsLeftoverMarkers) {
  const std::string marker = std::string("FIX") + "ME";
  EXPECT_THAT(LeftoverMarkers(One("a.md", "fine\n" + marker + ": more")),
              ElementsAre(StartsWith("a.md:2:")));
  EXPECT_THAT(LeftoverMarkers(One("a.md", marker + "D is another word")), IsEmpty());
}

TEST(TidyRule, FindsTabsAndTrailingBlanks) {
  EXPECT_THAT(TabsAndTrailingBlanks(One("a.cc", "\tx\ny \nz\r\nfine")),
              ElementsAre("a.cc:1: tab", "a.cc:2: blank at the end of the line",
                          "a.cc:3: carriage return"));
}

TEST(TidyRule, FindsMissingReadmes) {
  EXPECT_THAT(MissingReadmes({{"deploy/a.yaml", {}}, {"tests/README.md", {}}}),
              ElementsAre("deploy/README.md:1: missing"));
}

TEST(TidyRule, FindsWrongHeaderGuards) {
  const std::string right =
      "// Why.\n#ifndef GRADLOOM_A_B_H_\n#define GRADLOOM_A_B_H_\n"
      "#endif  // GRADLOOM_A_B_H_\n";
  EXPECT_THAT(WrongHeaderGuards(One("a/b.h", right)), IsEmpty());
  EXPECT_THAT(WrongHeaderGuards(One("a/c.h", right)),
              ElementsAre(HasSubstr("must be guarded by GRADLOOM_A_C_H_")));
  EXPECT_EQ(WrongHeaderGuards(One("a/b.h", "#pragma once\n")).size(), 1u);
}

TEST(TidyRule, FindsLongFiles) {
  EXPECT_THAT(LongFiles(One("a.cc", std::string(700, '\n'))), IsEmpty());
  EXPECT_THAT(LongFiles(One("a.cc", std::string(701, '\n'))),
              ElementsAre("a.cc:701: longer than 700 lines"));
}

TEST(TidyRule, FindsMachinePaths) {
  const std::string home = std::string("/ho") + "me/someone/data";
  EXPECT_THAT(MachinePaths(One("a.yaml", "path: " + home)), ElementsAre(StartsWith("a.yaml:1:")));
  EXPECT_THAT(MachinePaths(One("a.yaml", home)), ElementsAre(StartsWith("a.yaml:1:")));
  EXPECT_THAT(MachinePaths(One("a.yaml", "path: .." + home)), IsEmpty());
}

TEST(ReadTree, ReadsTextAndPassesOverBuilds) {
  const std::filesystem::path top =
      std::filesystem::path(::testing::TempDir()) / "gradloom_tidy_test_tree";
  std::filesystem::remove_all(top);
  for (const char* file : {"a/b.cc", "build/c.cc", ".git/d.txt", ".ci/run", "e.bin"}) {
    std::filesystem::create_directories((top / file).parent_path());
    std::ofstream(top / file) << "x\ny\n";
  }
  const Tree tree = ReadTree(top);
  EXPECT_THAT(tree, ElementsAre(testing::Pair(".ci/run", ElementsAre("x", "y")),
                                testing::Pair("a/b.cc", ElementsAre("x", "y"))));
  std::filesystem::remove_all(top);
  EXPECT_GT(ThisTree().size(), 50u);
}

}  // namespace
}  // namespace gradloom
