// The rule about plug-ins, shown trees that keep it and trees that break it.
#include "tests/tidy/plug_ins.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Tree One(const std::string& path, absl::string_view text) { return {{path, Lines(text)}}; }

TEST(PlugInRule, UsualTokens) {
  EXPECT_THAT(UsualTokens("m_sgc"), ElementsAre("m_sgc", "MSgc", "kMSgc"));
  EXPECT_THAT(UsualTokens("mu"), ElementsAre("mu", "Mu", "kMu"));
}

TEST(PlugInRule, FindsStrangers) {
  const PlugIn m_sgc{
      "m_sgc", {"m_sgc", "kMSgc", "\"gc:"}, {"coding/schemes/m_sgc", "coding/table.cc"}};
  const Tree tree = {
      {"coding/schemes/m_sgc_scheme.cc", {"auto name = \"m_sgc\";"}},
      {"coding/table.cc", {"&kMSgc,"}},
      {"coordinator/a.cc", {"", "if (name == \"m_sgc\") Do(kMSgc);"}},
      {"coordinator/b.h", {"case Kind::kMSgc:", "StrCat(\"gc:s=\")"}},
      {"coordinator/c.cc", {"Help(\"one of m_sgc, uncoded\");"}},
      {"README.md", {"m_sgc"}},
      {"tests/a_test.cc", {"m_sgc"}},
  };
  EXPECT_THAT(StrangersNaming(tree, m_sgc),
              ElementsAre("coordinator/a.cc:2: names m_sgc", "coordinator/b.h:1: names kMSgc",
                          "coordinator/b.h:2: names \"gc:", "coordinator/c.cc:1: names m_sgc"));
}

TEST(PlugInRule, NeitherCommentsNorLongerWordsName) {
  const PlugIn gc{"gc", {"gc", "kGc"}, {}};
  EXPECT_THAT(StrangersNaming(One("a.cc", "// gc\n/* gc\n gc */ m_gc(gcs, kGcs, sgc);"), gc),
              IsEmpty());
  EXPECT_THAT(StrangersNaming(One("a.cc", "f(R\"(\n-gc-)\");"), gc),
              ElementsAre("a.cc:2: names gc"));
  EXPECT_THAT(StrangersNaming(One("a.cc", "f(\"\\\"// gc\");"), gc),
              ElementsAre("a.cc:1: names gc"));
}

}  // namespace
}  // namespace gradloom
