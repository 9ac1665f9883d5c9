#include "coordinator/tuning/choice_search.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/tuning/tuning_report.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

FleetProfile Drawn(int slots, int rows, double slope, uint64_t seed) {
  GeneratedDelays spec;
  spec.kind = GeneratedDelays::Kind::kPareto;
  spec.shape = 2.5;
  spec.slope = slope;
  spec.seed = seed;
  return ProfileOfModel(**MakeGeneratedDelays(spec), slots, rows);
}

std::string Text(const Choice& choice) {
  return absl::StrCat(SchemeText(choice.scheme), " ", ArrangementText(choice.fleet), " ",
                      ClosingText(choice.closing));
}

TEST(ChoiceSpaceTest, EveryChoiceIsLegalAndNamedOnce) {
  const FleetSize size{12, 4, 10};
  std::set<std::string> seen;
  for (const Choice& choice : AllChoices({}, size)) {
    EXPECT_TRUE(seen.insert(Text(choice)).second) << Text(choice);
    EXPECT_TRUE(MakePlan(choice, size).ok()) << Text(choice);
  }
  for (const char* expected : {"uncoded woven", "gc:s=11 woven", "gc:s=2 split:4", "gc:s=0 gang",
                               "gc:s=5 gang:2", "sr_sgc:b=3,w=13,lambda=12 woven",
                               "m_sgc:b=2,w=3,lambda=12 woven", "m_sgc:b=1,w=2,lambda=6 split:2"}) {
    EXPECT_TRUE(seen.contains(absl::StrCat(expected, " first_decodable"))) << expected;
  }
}

TEST(ChoiceSpaceTest, LimitsLeaveOut) {
  const FleetSize size{12, 4, 10};
  ChoiceSpace space;
  space.split = space.gang = false;
  space.copies_max = 3;
  for (const Choice& choice : AllChoices(space, size)) {
    EXPECT_LE(CostOf(choice, size)->copies, 3) << Text(choice);
    EXPECT_NE(choice.fleet.kind, Arrangement::Kind::kSplit);
    EXPECT_NE(choice.fleet.kind, Arrangement::Kind::kGang);
  }
  space = {};
  space.delay_max = 0;
  for (const Choice& choice : AllChoices(space, size)) {
    EXPECT_EQ(DelayOf(choice.scheme), 0) << Text(choice);
  }
}

TEST(ChoiceSpaceTest, MultiMessageReachesAsFarAsCopiesAllow) {
  ChoiceSpace space;
  space.schemes = {FindScheme("multi_message")};
  for (int slots = 2; slots <= 40; ++slots) {
    const FleetSize size{slots, 1, 1};
    for (int copies = 1; copies < slots; ++copies) {
      space.copies_max = copies + 0.5;
      const std::vector<Choice> choices = AllChoices(space, size);
      ASSERT_EQ(choices.size(), 1);
      EXPECT_EQ(choices[0].scheme.settings.whole("reach"), copies);
      EXPECT_LE(CostOf(choices[0], size)->copies, copies + 1e-9) << slots << ", " << copies;
    }
    space.copies_max = slots;
    EXPECT_EQ(SchemeText(AllChoices(space, size)[0].scheme), "multi_message");
  }
}

TEST(ChoiceSpaceTest, TheBoundIsNeverBeaten) {
  for (double slope : {0.5, 20.0}) {
    const FleetSize size{12, 4, 10};
    const FleetProfile profile = Drawn(12, 8, slope, 3);
    const double least =
        *std::min_element(profile.fixed_seconds.begin(), profile.fixed_seconds.end());
    for (const Choice& choice : AllChoices({}, size)) {
      const auto prediction = Predict(choice, size, profile, RecordedOrder(profile), 0);
      ASSERT_TRUE(prediction.ok()) << prediction.status();
      EXPECT_GE(prediction->seconds * (1 + 1e-9), LeastSeconds(choice, size, least, slope))
          << Text(choice);
    }
  }
}

// The dumb oracle plays every choice to the end.
TEST(ChoiceSearchTest, FindsWhatAnExhaustiveSearchFinds) {
  for (double slope : {0.2, 3.0, 40.0}) {
    for (uint64_t seed : {1, 2, 3}) {
      const FleetSize size{16, 4, 24};
      const FleetProfile profile = Drawn(16, 12, slope, seed);
      SearchOptions options;
      options.resamples = 0;
      const auto found = SearchChoices(profile, size, options);
      options.exhaustive = true;
      const auto all = SearchChoices(profile, size, options);
      ASSERT_TRUE(found.ok() && all.ok());
      EXPECT_LE(found->ranked.front().seconds, 1.01 * all->ranked.front().seconds)
          << "slope " << slope << ", seed " << seed << ": " << Text(found->ranked.front().choice)
          << ", all: " << Text(all->ranked.front().choice);
      EXPECT_LT(found->simulated, all->simulated);
    }
  }
}

TEST(ChoiceSearchTest, ThreadsDoNotChangeTheResult) {
  const FleetProfile profile = Drawn(16, 12, 1, 5);
  SearchOptions options;
  options.resamples = 4;
  const auto forwards = SearchChoices(profile, {16, 4, 20}, options);
  options.run_all = [](int count, const std::function<void(int)>& body) {
    for (int i = count - 1; i >= 0; --i) body(i);
  };
  const auto backwards = SearchChoices(profile, {16, 4, 20}, options);
  ASSERT_TRUE(forwards.ok() && backwards.ok());
  ASSERT_EQ(forwards->ranked.size(), backwards->ranked.size());
  for (size_t i = 0; i < forwards->ranked.size(); ++i) {
    EXPECT_EQ(Text(forwards->ranked[i].choice), Text(backwards->ranked[i].choice));
    EXPECT_EQ(forwards->ranked[i].resampled_seconds, backwards->ranked[i].resampled_seconds);
  }
}

TEST(ChoiceSearchTest, GivingUpFindsTheSameBest) {
  const FleetProfile profile = Drawn(32, 12, 2, 6);
  SearchOptions options;
  options.resamples = 0;
  const auto patient = SearchChoices(profile, {32, 4, 24}, options);
  options.give_up = 1.5;
  const auto impatient = SearchChoices(profile, {32, 4, 24}, options);
  ASSERT_TRUE(patient.ok() && impatient.ok());
  EXPECT_EQ(Text(patient->ranked[0].choice), Text(impatient->ranked[0].choice));
}

FleetProfile Exponential(uint64_t seed) {
  GeneratedDelays spec;
  spec.seed = seed;
  return ProfileOfModel(**MakeGeneratedDelays(spec), 16, 96);
}

// The central 80 % that a profile predicts should hold the time on another fleet of the same kind
// about as often: in 100 cases 80 times, give or take three standard deviations of chance. (Of
// tails so heavy that few rows do not show them, no resampling knows.)
TEST(ChoiceSearchTest, TheIntervalHoldsWhatAnotherFleetTakes) {
  const FleetSize size{16, 1, 24};
  SearchOptions options;
  options.keep = 1000;
  options.resamples = 40;
  options.space.copies_max = 3;
  std::erase(options.space.schemes, FindScheme("uncoded"));
  options.space.overlap = options.space.gang = options.space.split = false;
  int held = 0, cases = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto found = SearchChoices(Exponential(seed), size, options);
    ASSERT_TRUE(found.ok());
    const FleetProfile other = Exponential(1000 + seed);
    for (const RankedChoice& ranked : found->ranked) {
      if (SchemeText(ranked.choice.scheme) != "gc:s=1") continue;
      const double seconds = Predict(ranked.choice, size, other, RecordedOrder(other), 0)->seconds;
      held += ranked.low_seconds <= seconds && seconds <= ranked.high_seconds;
      ++cases;
    }
  }
  ASSERT_EQ(cases, 100);
  EXPECT_GE(held, 68);
  EXPECT_LE(held, 92) << "an interval that always holds says nothing";
}

TEST(ChoiceSearchTest, LanesThatNeedEachOtherAreSearchedAsSuch) {
  // Of layers one after the other no two share the fleet: a split leaves most of it idle.
  const FleetProfile profile = Drawn(16, 24, 4, 9);
  std::vector<LanePlan> greedy(4, {8, 0}), free = greedy;
  for (int lane = 1; lane < 4; ++lane) greedy[lane].needs = {{lane - 1, 0, true}};
  SearchOptions options;
  options.keep = 1000;
  options.resamples = 0;
  const auto apart = SearchChoices(profile, SizeOf(16, free), options);
  const auto chained = SearchChoices(profile, SizeOf(16, greedy), options);
  ASSERT_TRUE(apart.ok() && chained.ok()) << apart.status() << chained.status();
  EXPECT_NE(apart->ranked.front().choice.fleet.kind, Arrangement::Kind::kWoven);
  EXPECT_EQ(chained->ranked.front().choice.fleet.kind, Arrangement::Kind::kWoven);
  EXPECT_GT(chained->ranked.front().seconds, 1.5 * apart->ranked.front().seconds);
  // What is predicted is what one chain of as many jobs takes.
  const auto chain = Predict(chained->ranked.front().choice, SizeOf(16, {{32, 0}}), profile,
                             RecordedOrder(profile), 0);
  ASSERT_TRUE(chain.ok()) << chain.status();
  EXPECT_DOUBLE_EQ(chained->ranked.front().seconds, chain->seconds);
}

TEST(ChoiceSearchTest, RefusesWhatIsNotLegal) {
  const FleetProfile profile = Drawn(4, 4, 1, 1);
  EXPECT_THAT(SearchChoices(profile, {5, 1, 1}, {}).status().message(), HasSubstr("slots = 5"));
  EXPECT_THAT(SearchChoices(profile, {4, 0, 1}, {}).status().message(), HasSubstr("trials = 0"));
  SearchOptions nothing;
  nothing.space.copies_max = 0.5;
  EXPECT_FALSE(SearchChoices(profile, {4, 1, 1}, nothing).ok());
}

TEST(TuningReportTest, F08_SaysWhatAChoiceCostsAndHowToUseIt) {
  const FleetSize size{16, 4, 24};
  SearchOptions options;
  options.keep = 3;
  options.resamples = 4;
  const auto result = SearchChoices(Drawn(16, 12, 1, 5), size, options);
  ASSERT_TRUE(result.ok()) << result.status();
  const TuningReport report{size, 1, 1'500'000};
  EXPECT_THAT(TuningTable(*result, report), HasSubstr("MB"));
  const std::string csv = TuningCsv(*result, report);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + result->ranked.size());
  RankedChoice choice = result->ranked.front();
  choice.choice = {*ParseScheme("m_sgc:b=1,w=2,lambda=3"), *ParseClosing("mu:0.5"), {}};
  const std::string snippet = RunFileSnippet(choice, size);
  EXPECT_THAT(snippet, HasSubstr("m_sgc: {b: 1, w: 2, lambda: 3}"));
  EXPECT_THAT(snippet, HasSubstr("closing: {rule: mu, mu: 0.5}"));
  EXPECT_THAT(snippet, HasSubstr("fleet:\n  arrangement: woven\n"));
  // Every reader of YAML takes 1.0e-05 for a number, and 1e-05 only some.
  choice.choice.closing = *ParseClosing("mu:0.00001");
  EXPECT_THAT(RunFileSnippet(choice, size), HasSubstr("{rule: mu, mu: 1.0e-05}"));
  EXPECT_EQ(BytesText(999), "999 B");
  EXPECT_EQ(BytesText(2'500'000), "2.5 MB");
}

}  // namespace
}  // namespace gradloom
