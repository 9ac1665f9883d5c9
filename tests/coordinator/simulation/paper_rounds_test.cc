#include "coordinator/simulation/paper_rounds.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"
#include "tests/coordinator/simulation/recorded_traces.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Slot 2 straggles in row 0, slots 2 and 1 in row 1; nobody in row 2.
Trace Tiny() {
  Trace trace;
  trace.rows = 3;
  trace.columns = 3;
  trace.seconds = {1, 1.5, 9,  //
                   1, 4,   5,  //
                   1, 1,   1.5};
  return trace;
}

TEST(PaperRoundsTest, UncodedWaitsForTheSlowest) {
  const auto result =
      SimulatePaper(Spec("uncoded", 3), Tiny(), 3, {.jobs = 4, .record_rounds = true});
  ASSERT_TRUE(result.ok()) << result.status();
  // A third of the data costs 1 s more; row 0 comes again as round 3.
  EXPECT_DOUBLE_EQ(result->total_seconds, 10 + 6 + 2.5 + 10);
  EXPECT_EQ(result->wait_outs, 3);
  EXPECT_THAT(result->round[1].stragglers, ElementsAre(1, 2));
}

TEST(PaperRoundsTest, GcClosesAtTwiceTheFastestUnlessTooManyStraggle) {
  const auto result = SimulatePaper(Gc(3, 1), Tiny(), 0, {.jobs = 3});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_DOUBLE_EQ(result->total_seconds, 2 + 5 + 1.5);
  EXPECT_DOUBLE_EQ(result->load, 2.0 / 3);
  const auto theirs =
      SimulatePaper(Gc(3, 1), Tiny(), 0, {.jobs = 3, .counting = PaperCounting::kAuthors});
  EXPECT_DOUBLE_EQ(theirs->total_seconds, 9 + 5 + 1.5);
}

TEST(PaperRoundsTest, MSgcFollowsTheBurstyPattern) {
  // lambda = 1: slot 2 in round 0 is fine; slots 1, 2 in round 1 violate and leave no trace; round
  // 3 repeats row 0 after a clean round.
  const auto result = SimulatePaper(MSgc(3, 1, 2, 1), Tiny(), 0, {.jobs = 3});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_DOUBLE_EQ(result->total_seconds, 2 + 5 + 1.5 + 2);
  EXPECT_EQ(result->rounds, 4);
  EXPECT_DOUBLE_EQ(result->load, 2.0 * 2 / (3 * 3));
}

TEST(PaperRoundsTest, SrSgcRepeatsAndSkipsTheLastRound) {
  // s = 1. Round 0: one straggler, exempt. Round 1: lambda = 2 allows both; one repeats in round 2,
  // where nobody straggles, so job 2 lacks that slot only, and round 3 is skipped.
  const auto result =
      SimulatePaper(SrSgc(3, 1, 2, 2), Tiny(), 0, {.jobs = 3, .record_rounds = true});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_DOUBLE_EQ(result->total_seconds, 2 + 2 + 1.5);
  EXPECT_EQ(result->rounds, 3);
  EXPECT_EQ(result->round[2].repeating.size(), 1u);
  EXPECT_EQ(result->round[3].seconds, 0);
}

std::vector<double> Seconds(const SchemeSpec& spec, const Trace& trace, int jobs,
                            PaperCounting counting) {
  const auto result =
      SimulatePaper(spec, trace, 0, {.jobs = jobs, .counting = counting, .record_rounds = true});
  std::vector<double> seconds;
  for (const PaperRound& round : result->round) seconds.push_back(round.seconds);
  return seconds;
}

TEST(PaperRoundsTest, F29_TheAuthorsJudgeAlsoTheRoundsThatTheyLeaveOut) {
  Trace trace;
  trace.rows = 3;
  trace.columns = 3;
  trace.seconds = {1, 9, 9,  // one repeats
                   1, 1, 1,  //
                   1, 1, 9};
  const SchemeSpec spec = SrSgc(3, 1, 3, 2);  // s = 1
  // Round 2 has one straggler and no repeating, so it is survivable; but slot 2 straggled two
  // rounds ago.
  EXPECT_THAT(Seconds(spec, trace, 3, PaperCounting::kPaper), ElementsAre(2, 1, 2, 0));
  EXPECT_THAT(Seconds(spec, trace, 3, PaperCounting::kAuthors), ElementsAre(2, 1, 9, 0));
}

// A round that is skipped is a round all the same: what straggled before it moves out of the
// window.
TEST(PaperRoundsTest, F29_SkippedRoundsMoveTheWindow) {
  Trace trace;
  trace.rows = 4;
  trace.columns = 3;
  trace.seconds = {9, 1, 9,  //
                   1, 1, 9,  //
                   9, 9, 1,  //
                   1, 9, 9};
  EXPECT_THAT(Seconds(SrSgc(3, 2, 3, 2), trace, 4, PaperCounting::kAuthors),
              ElementsAre(2, 2, 9, 2, 0, 9));
}

TEST(PaperRoundsTest, RefusesWhatIsNotLegal) {
  EXPECT_THAT(SimulatePaper(Gc(4, 1), Tiny(), 0, {}).status().message(), HasSubstr("slots = 4"));
  EXPECT_THAT(SimulatePaper(SrSgc(3, 2, 4, 1), Tiny(), 0, {}).status().message(),
              HasSubstr("sr_sgc: w = 4 is not legal; it must be 1 more than a multiple of b = 2"));
  EXPECT_EQ(SimulatePaper(MultiMessage(3), Tiny(), 0, {}).status().message(),
            "multi_message is none of the authors' schemes: legal are uncoded, gc, sr_sgc, m_sgc");
}

class ReferenceTotals : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<Trace> recordings;
    for (const char* load : {"0_000", "0_250", "0_500", "0_750", "1_000"}) {
      std::optional<Trace> trace = CnnDesktopLong(load);
      if (!trace.has_value()) GTEST_SKIP() << "no recorded traces in " << TraceFolder();
      recordings.push_back(*std::move(trace));
    }
    slope_ = *FitSlope(recordings);
    trace_ = recordings[0];
  }
  Trace trace_;
  double slope_ = 0;
  const PaperOptions options_{.counting = PaperCounting::kAuthors};
};

TEST_F(ReferenceTotals, AreReproduced) {
  EXPECT_NEAR(slope_, 1.1218, 5e-5);
  const auto total = [&](const SchemeSpec& spec) {
    return SimulatePaper(spec, trace_, slope_, options_)->total_seconds;
  };
  EXPECT_NEAR(total(Spec("uncoded", 256)), 39.2545, 1e-4);
  EXPECT_NEAR(total(Gc(256, 14)), 32.4470, 1e-4);
  EXPECT_NEAR(total(SrSgc(256, 1, 2, 22)), 31.8820, 1e-4);
  EXPECT_NEAR(total(MSgc(256, 1, 2, 26)), 33.6088, 1e-4);
  EXPECT_EQ(SimulatePaper(MSgc(256, 1, 2, 26), trace_, slope_, options_)->rounds, 26);
  EXPECT_NEAR(ClairvoyantFloor(256, 25, *MakeTraceDelays(trace_, slope_)), 14.1032, 1e-4);
}

// What the authors' published code takes; the coordinator's users compare with their paper, too.
TEST_F(ReferenceTotals, F29_SelectiveRepeatIsCountedBothWays) {
  const auto expect = [](const Trace& trace, double slope, int jobs, const SchemeSpec& spec,
                         double paper, double authors) {
    PaperOptions options{.jobs = jobs};
    EXPECT_NEAR(SimulatePaper(spec, trace, slope, options)->total_seconds, paper, 1e-4);
    options.counting = PaperCounting::kAuthors;
    EXPECT_NEAR(SimulatePaper(spec, trace, slope, options)->total_seconds, authors, 1e-4);
  };
  const auto sr_sgc = [](int b, int w, int lambda) { return SrSgc(256, b, w, lambda); };
  expect(trace_, 1.1218, 25, sr_sgc(2, 3, 23), 32.1823, 32.5315);
  expect(trace_, 1.1218, 25, sr_sgc(1, 3, 20), 33.7813, 34.5300);
  const std::optional<Trace> resnet =
      RecordedTrace("resnet18_mbp__w256-n20", "0_000", "-b256-Canada");
  ASSERT_TRUE(resnet.has_value());
  expect(*resnet, 13, 15, sr_sgc(2, 5, 31), 25.2947, 28.1369);
}

TEST_F(ReferenceTotals, SearchFindsTheSameParameters) {
  const auto gc = SearchPaper(*FindScheme("gc"), 256, 4, trace_, slope_, options_);
  EXPECT_EQ(SchemeText(gc->spec), "gc:s=14");
  const auto sr = SearchPaper(*FindScheme("sr_sgc"), 256, 4, trace_, slope_, options_);
  EXPECT_EQ(SchemeText(sr->spec), "sr_sgc:b=1,w=2,lambda=22");
  const auto m = SearchPaper(*FindScheme("m_sgc"), 256, 4, trace_, slope_, options_);
  EXPECT_EQ(SchemeText(m->spec), "m_sgc:b=1,w=2,lambda=26");
}

}  // namespace
}  // namespace gradloom
