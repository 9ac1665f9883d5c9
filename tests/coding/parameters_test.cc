#include "coding/parameters.h"

#include <limits>

#include "coding/spec_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<absl::string_view> Colours() { return {"red", "green"}; }

constexpr Parameter kParameters[] = {
    {.name = "count", .otherwise = 2, .always_shown = true, .min = 1},
    {.name = "share", .otherwise = 0.5, .min = 0, .max = 1e6, .above_min = true},
    {.name = "colour", .otherwise = absl::string_view("red"), .names = Colours},
    {.name = "seed", .otherwise = uint64_t{1}},
    {.name = "limit", .otherwise = 0, .min = 1, .max = 9},  // 0: none known
};

TEST(Settings, BeginWithTheDefaultsAndShowWhatDiffers) {
  Settings settings(kParameters);
  EXPECT_EQ(settings.whole("count"), 2);
  EXPECT_EQ(settings.number("share"), 0.5);
  EXPECT_EQ(settings.word("colour"), "red");
  EXPECT_EQ(settings.seed("seed"), 1);
  EXPECT_THAT(settings.Shown(), ElementsAre(Pair("count", Value(2))));
  EXPECT_TRUE(settings == Settings(kParameters));
  settings.Set("seed", ~uint64_t{0});
  settings.Set("colour", absl::string_view("green"));
  EXPECT_FALSE(settings == Settings(kParameters));
  EXPECT_EQ(SpecTextOf("paint", settings, false),
            "paint:count=2,colour=green,seed=18446744073709551615");
  EXPECT_THAT(Settings().Shown(), IsEmpty());
}

TEST(Settings, TextsReadBack) {
  Settings settings(kParameters);
  settings.Set("share", 0.25);
  settings.Set("limit", 7);
  SpecText text("thing", SpecTextOf("paint", settings, true));
  EXPECT_EQ(text.name(), "paint");
  Settings read(kParameters);
  text.Take(&read);
  EXPECT_TRUE(text.Finish().ok());
  EXPECT_TRUE(read == settings);
}

TEST(Settings, ABareValueIsOfTheOnlyParameter) {
  const Settings one(std::span<const Parameter>(kParameters).first(1)), none;
  EXPECT_EQ(SpecTextOf("paint", one, true), "paint:2");
  EXPECT_EQ(SpecTextOf("paint", one, false), "paint:count=2");
  EXPECT_EQ(SpecTextOf("paint", none, true), "paint");
  EXPECT_EQ(SpecUsage("paint", one.parameters(), true), "paint:N");
  EXPECT_EQ(SpecUsage("paint", kParameters, true),
            "paint:count=N[,share=N][,colour=NAME][,seed=N][,limit=N]");
}

TEST(Parameter, SaysWhatIsLegal) {
  const auto legal = [](int i, const Value& value) { return IsLegal(kParameters[i], value); };
  EXPECT_EQ(LegalText(kParameters[0]), "1 or more");
  EXPECT_TRUE(legal(0, 1) && legal(0, std::numeric_limits<int>::max()) && !legal(0, 0));
  EXPECT_EQ(LegalText(kParameters[1]), "more than 0 and at most 1e6");
  EXPECT_TRUE(legal(1, 1e6) && !legal(1, 0.0) && !legal(1, 1.1e6));
  EXPECT_FALSE(legal(1, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_EQ(LegalText(kParameters[2]), "one of: red, green");
  EXPECT_TRUE(legal(2, absl::string_view("green")) && !legal(2, absl::string_view("blue")));
  EXPECT_EQ(LegalText(kParameters[4]), "from 1 to 9");
}

TEST(Problems, AreOfWhatIsNeitherLegalNorTheDefault) {
  Settings settings(kParameters);
  Problems problems;
  CheckEach(settings, &problems);
  EXPECT_THAT(problems, IsEmpty()) << "a limit of 0 stands for none";
  EXPECT_TRUE(ProblemStatus("paint", settings, problems).ok());
  settings.Set("limit", 10);
  settings.Set("count", -3);
  CheckEach(settings, &problems);
  ASSERT_EQ(problems.size(), 2);
  EXPECT_EQ(problems[1].parameter, "limit");
  EXPECT_EQ(ProblemStatus("paint", settings, problems).message(),
            "paint: count = -3 is not legal; it must be 1 or more");
}

}  // namespace
}  // namespace gradloom
