#include "coordinator/planning/arrangement.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

Choice Parse(const std::string& scheme, const std::string& fleet) {
  return {*ParseScheme(scheme), *ParseClosing("first_decodable"), *ParseArrangement(fleet)};
}

TEST(ChoiceTextTest, ReadsBackWhatItWrites) {
  for (const char* text : {"uncoded", "gc:s=10", "sr_sgc:b=1,w=2,lambda=22",
                           "m_sgc:b=1,w=2,lambda=31", "gc:s=2,code=cyclic"}) {
    EXPECT_EQ(SchemeText(*ParseScheme(text)), text);
  }
  for (const char* text : {"woven", "overlap", "split:4", "gang", "gang:2"}) {
    EXPECT_EQ(ArrangementText(*ParseArrangement(text)), text);
  }
}

TEST(ChoiceTextTest, ErrorsNameTheTextAndWhatIsLegal) {
  EXPECT_THAT(ParseScheme("gcc:s=1").status().message(), HasSubstr("gcc"));
  EXPECT_THAT(ParseScheme("gc:t=1").status().message(), HasSubstr("t"));
  EXPECT_FALSE(ParseScheme("gc:s=x").ok());
  EXPECT_THAT(ParseArrangement("splt:2").status().message(), HasSubstr("splt"));
  EXPECT_THAT(MakePlan(Parse("gc:s=1", "split:0"), {8, 4, 10}).status().message(),
              HasSubstr("split"));
  EXPECT_FALSE(MakePlan(Parse("gc:s=1", "split:9"), {8, 4, 10}).ok());
  EXPECT_FALSE(ParseClosing("sometimes").ok());
}

TEST(ArrangementTest, WeavesHoldTheLanesAndSlotsTheyShould) {
  const FleetSize size{8, 4, 10};
  const auto woven = MakePlan(Parse("gc:s=1", "woven"), size);
  ASSERT_TRUE(woven.ok()) << woven.status();
  ASSERT_EQ(woven->weaves.size(), 1u);
  EXPECT_EQ(woven->weaves[0].lanes.size(), 4u);
  int64_t jobs = 0;
  for (const LanePlan& lane : woven->lanes) jobs += lane.jobs;
  EXPECT_EQ(jobs, 10);
  const auto overlap = MakePlan(Parse("gc:s=1", "overlap"), size);
  ASSERT_EQ(overlap->weaves.size(), 4u);
  EXPECT_EQ(overlap->weaves[3].slots.size(), 8u);
  const auto split = MakePlan(Parse("gc:s=1", "split:4"), size);
  ASSERT_EQ(split->weaves.size(), 4u);
  EXPECT_EQ(split->weaves[1].slots, (std::vector<int>{2, 3}));
}

TEST(ArrangementTest, AGangHasAWeaveALaneThatStartTogether) {
  const auto gang = MakePlan(Parse("gc:s=1", "gang:2"), {8, 4, 10});
  ASSERT_TRUE(gang.ok()) << gang.status();
  ASSERT_EQ(gang->weaves.size(), 4u);
  EXPECT_EQ(gang->weaves[0].lanes, (std::vector<int>{0}));
  EXPECT_EQ(gang->weaves[1].lanes, (std::vector<int>{2}));
  EXPECT_EQ(gang->weaves[1].slots, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(gang->weaves[0].gang, gang->weaves[1].gang);
  EXPECT_NE(gang->weaves[1].gang, gang->weaves[2].gang);
  EXPECT_THAT(MakePlan(Parse("m_sgc:b=1,w=2,lambda=1", "gang"), {8, 4, 10}).status().message(),
              HasSubstr("has a delay"));
}

TEST(ArrangementTest, WeavesOfTheLanesThatAreLeft) {
  const auto weaves = MakeWeaves(Parse("gc:s=1", "split:4"), 8, {3, 1}, {0, 2});
  ASSERT_TRUE(weaves.ok()) << weaves.status();
  ASSERT_EQ(weaves->size(), 2u);
  EXPECT_EQ((*weaves)[0].lanes, (std::vector<int>{3, 0, 2}));
  EXPECT_EQ((*weaves)[1].slots, (std::vector<int>{4, 5, 6, 7}));
}

TEST(ArrangementTest, AJobsCostIsTheSchemes) {
  const auto cost = CostOf(Parse("gc:s=1", "split:2"), {8, 2, 4});
  ASSERT_TRUE(cost.ok()) << cost.status();
  EXPECT_DOUBLE_EQ(cost->load, 0.5);  // two groups of two in each half of the fleet
  EXPECT_DOUBLE_EQ(cost->copies, 4);
  EXPECT_EQ(cost->tolerated, 1);
}

}  // namespace
}  // namespace gradloom
