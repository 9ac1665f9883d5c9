#include "coordinator/tuning/probe_file.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

TEST(ProbeFileTest, ReadsBackWhatItWrites) {
  const std::string text = ProbeText({{0, 0.125, 1.5, false}, {7, 1.0 / 3, 2, true}});
  const auto observed = ParseProbe("probe.csv", text);
  ASSERT_TRUE(observed.ok()) << observed.status();
  ASSERT_EQ(observed->size(), 2u);
  EXPECT_EQ((*observed)[1].slot, 7);
  EXPECT_EQ((*observed)[1].load, 1.0 / 3);
  EXPECT_TRUE((*observed)[1].at_least);
  EXPECT_EQ(ProbeText(*observed), text);
}

TEST(ProbeFileTest, KeepsWhatRepliesTold) {
  InvocationObserved observed{3, 0, 0};
  observed.Reply(0.25, 0.5, 2);
  observed.Reply(0.25, 0.5, 2.75);
  const auto read = ParseProbe("probe.csv", ProbeText({observed}));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)[0].compute_seconds, 1);
  EXPECT_EQ((*read)[0].further_replies, 1);
  EXPECT_EQ((*read)[0].further_load, 0.25);
  EXPECT_EQ((*read)[0].further_seconds, 0.75);
  // By hand the first four columns do.
  EXPECT_TRUE(ParseProbe("probe.csv", "slot,load,seconds,at_least\n0,1,1,0\n").ok());
  const std::string heading = ProbeText({});
  EXPECT_THAT(ParseProbe("p.csv", heading + "0,1,1,0\n").status().message(), HasSubstr("as many"));
  EXPECT_THAT(ParseProbe("p.csv", heading + "0,1,1,0,1,-1,0,0\n").status().message(),
              HasSubstr("further_replies"));
  EXPECT_THAT(ParseProbe("p.csv", heading + "0,1,1,0,nan,1,0,0\n").status().message(),
              HasSubstr(">= 0"));
}

TEST(ProbeFileTest, F05_SavedByASpreadsheet) {
  for (const char* text : {
           "\xef\xbb\xbfslot,load,seconds,at_least\r\n0,0.5,1.25,0\r\n3,1,2,1",
           "\"slot\",\"load\",\"seconds\",\"at_least\"\r\"0\",\"0.5\",\"1.25\",\"0\"\r3,1,2,1\r,,,"
           "\r",
           "slot;load;seconds;at_least\n0;0.5;1.25;0\n3;1;2;1\n",
       }) {
    const auto observed = ParseProbe("probe.csv", text);
    ASSERT_TRUE(observed.ok()) << text << observed.status();
    ASSERT_EQ(observed->size(), 2u);
    EXPECT_EQ((*observed)[0].seconds, 1.25);
    EXPECT_EQ((*observed)[1].slot, 3);
    EXPECT_TRUE((*observed)[1].at_least);
  }
}

TEST(ProbeFileTest, ErrorsNameFileLineAndWhatIsLegal) {
  const auto refused = [](const std::string& lines) {
    return std::string(
        ParseProbe("p.csv", "slot,load,seconds,at_least\n" + lines).status().message());
  };
  EXPECT_THAT(ParseProbe("p.csv", "0,1,1,0\n").status().message(), HasSubstr("heading"));
  EXPECT_THAT(refused("0,0.1,1,0\n-1,0.1,1,0\n"), HasSubstr("p.csv, line 3"));
  EXPECT_THAT(refused("0,0,1,0\n"), HasSubstr("load > 0"));
  EXPECT_THAT(refused("0,0.1,nan,0\n"), HasSubstr("seconds > 0"));
  EXPECT_THAT(refused("0,0.1,1\n"), HasSubstr("as many values"));
  EXPECT_THAT(refused("0,0.1,1,2\n"), HasSubstr("0 or 1"));
  EXPECT_THAT(refused(""), HasSubstr("no invocation"));
}

}  // namespace
}  // namespace gradloom
