// Placement, loads, delays and errors of SR-SGC and M-SGC against the papers' formulas.
#include <string>

#include "coding/codes/code_table.h"
#include "coding/scheme_kind.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Scheme> Make(const SchemeSpec& spec) {
  auto scheme = MakeScheme(spec);
  EXPECT_TRUE(scheme.ok()) << scheme.status();
  return *std::move(scheme);
}

// The paper's load of M-SGC, by its formula.
double PaperLoad(double n, double b, double w, double lambda) {
  if (lambda == n) return (w - 1 + b) / (n * (w - 1));
  return (lambda + 1) * (w - 1 + b) / (n * (b + (w - 1) * (lambda + 1)));
}

TEST(SrSgcTest, LoadAndDelayEqualTheFormulas) {
  // s = ceil(2 x 23 / 4) = 12, and 13 does not divide 256: 19 groups.
  const auto repetition = Make(SrSgc(256, 2, 3, 23));
  EXPECT_EQ(repetition->load(), 1.0 / 19);
  EXPECT_THAT(repetition->description(), HasSubstr("s=12"));
  EXPECT_EQ(repetition->delay(), 2);
  EXPECT_EQ(Make(SrSgc(256, 2, 3, 23, "cyclic"))->load(), 13.0 / 256);  // .0508
  EXPECT_EQ(Make(SrSgc(256, 1, 2, 6))->load(), 4.0 / 256);
  EXPECT_EQ(Make(SrSgc(256, 1, 2, 6))->delay(), 1);
}

TEST(MSgcTest, LoadAndDelayEqualTheFormulas) {
  EXPECT_EQ(Make(MSgc(256, 1, 2, 27, "cyclic"))->load(), PaperLoad(256, 1, 2, 27));
  EXPECT_EQ(Make(MSgc(256, 1, 2, 27))->load(), 2.0 / (256 + 9));  // .00754..: nine groups
  EXPECT_EQ(Make(MSgc(256, 1, 2, 31))->load(), PaperLoad(256, 1, 2, 31));
  EXPECT_EQ(Make(MSgc(256, 1, 2, 9, "cyclic"))->load(), PaperLoad(256, 1, 2, 9));
  EXPECT_EQ(Make(MSgc(64, 3, 5, 7))->load(), PaperLoad(64, 3, 5, 7));
  EXPECT_EQ(Make(MSgc(64, 3, 5, 64))->load(), PaperLoad(64, 3, 5, 64));
  EXPECT_EQ(Make(MSgc(256, 1, 2, 27))->delay(), 1);
  EXPECT_EQ(Make(MSgc(64, 3, 5, 7))->delay(), 6);
}

TEST(MSgcTest, ChunksCoverTheDataAndEveryMiniTaskCostsTheSame) {
  for (const SchemeSpec& spec :
       {MSgc(8, 2, 3, 3), MSgc(7, 2, 4, 2), MSgc(6, 1, 2, 6), MSgc(9, 2, 3, 3, "cyclic")}) {
    const auto scheme = Make(spec);
    int64_t end = 0;
    for (const Chunk& chunk : scheme->chunks()) {
      EXPECT_EQ(chunk.begin, end);
      EXPECT_GT(chunk.end, chunk.begin);
      end = chunk.end;
    }
    EXPECT_EQ(end, scheme->denominator());
    for (const Part& part : scheme->parts()) EXPECT_EQ(part.load, scheme->parts()[0].load);
    EXPECT_DOUBLE_EQ(scheme->load(), spec.kind->traits(spec).tasks * scheme->parts()[0].load);
    EXPECT_EQ(scheme->unit_weights(), spec.settings.word("code") == kDefaultCode);
  }
}

TEST(MSgcTest, AsksTheJobThatIsDueFirstAndRetriesWhatIsMissing) {
  const auto scheme = Make(MSgc(4, 1, 2, 1));  // parts 0..3 are D1, 4 and 5 the group's
  for (const MiniTask& task : scheme->StartRound(true)) {
    EXPECT_EQ(task, (MiniTask{task.slot, task.slot, 0}));
    if (task.slot != 1) {
      EXPECT_TRUE(scheme->Receive(task));
    }
  }
  EXPECT_EQ(scheme->Pending(), 1);
  EXPECT_TRUE(scheme->Verdict().may_close());
  scheme->CloseRound();
  const auto span = scheme->StartRound(true);
  const std::vector<MiniTask> tasks(span.begin(), span.end());
  ASSERT_EQ(tasks.size(), 8);
  EXPECT_EQ(tasks[0], (MiniTask{0, 4, 0}));
  EXPECT_EQ(tasks[1], (MiniTask{0, 0, 1}));
  EXPECT_EQ(tasks[2], (MiniTask{1, 1, 0})) << "retries D1";
  EXPECT_EQ(tasks[6], (MiniTask{3, 5, 0}));
  EXPECT_TRUE(scheme->Receive(tasks[0]));
  EXPECT_FALSE(scheme->Receive(tasks[0]));
  EXPECT_FALSE(scheme->Needed(tasks[4])) << "slot 2 has the same part as slot 0";
  EXPECT_FALSE(scheme->Decodable(0));
  EXPECT_TRUE(scheme->Receive(tasks[2]));
  EXPECT_TRUE(scheme->Receive(tasks[6]));
  EXPECT_TRUE(scheme->Decodable(0));
  EXPECT_EQ(scheme->Decode(0)->weights.size(), 6);
}

TEST(MSgcTest, AStragglerThatDeliversBeforeTheNextPlanIsNone) {
  const auto scheme = Make(MSgc(4, 1, 2, 1));
  const auto span = scheme->StartRound(true);
  const std::vector<MiniTask> tasks(span.begin(), span.end());
  for (int slot = 1; slot < 4; ++slot) scheme->Receive(tasks[slot]);
  scheme->CloseRound();
  EXPECT_TRUE(scheme->Receive(tasks[0]));
  EXPECT_EQ(scheme->StartRound(true)[0], (MiniTask{0, 4, 0})) << "no retry";
  const auto next = scheme->StartRound(true);
  EXPECT_FALSE(next.empty());
}

TEST(MSgcTest, SlotsWithNothingToDoAreIdle) {
  const auto scheme = Make(MSgc(4, 1, 2, 4));  // lambda = n: no D2
  for (const MiniTask& task : scheme->StartRound(true)) scheme->Receive(task);
  EXPECT_TRUE(scheme->Decodable(0));
  scheme->CloseRound();
  EXPECT_TRUE(scheme->StartRound(false).empty());
  EXPECT_EQ(scheme->Pending(), 0);
  EXPECT_TRUE(scheme->Delivered(2));
  EXPECT_TRUE(scheme->Verdict().may_close());
}

std::string Error(const SchemeSpec& spec) {
  const auto scheme = MakeScheme(spec);
  EXPECT_EQ(scheme.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(scheme.status().message());
}

TEST(SequentialSchemeTest, ErrorsNameTheBrokenRelation) {
  EXPECT_EQ(Error(SrSgc(8, 3, 5, 2)),
            "sr_sgc: w = 5 is not legal; it must be 1 more than a multiple of b = 3");
  EXPECT_EQ(Error(SrSgc(8, 1, 2, 9)),
            "sr_sgc: lambda = 9 is not legal; it must be at most slots = 8");
  EXPECT_EQ(Error(SrSgc(1, 1, 2, 1)),
            "sr_sgc: s = ceil(b lambda / (w - 1 + b)) = 1 must be < slots = 1");
  EXPECT_THAT(Error(SrSgc(8, 1, 65, 1)), HasSubstr("w = 65 is not legal; it must be such that w "));
  EXPECT_THAT(Error(MSgc(8, 1, 2, 9)), HasSubstr("m_sgc: lambda = 9 is not legal"));
  EXPECT_THAT(Error(MSgc(8, 2, 2, 1)), HasSubstr("w = 2 is not legal; it must be more than b = 2"));
  EXPECT_THAT(Error(MSgc(8, 0, 2, 1)), HasSubstr("b = 0 is not legal; it must be 1 or more"));
  EXPECT_THAT(Error(MSgc(8, 1, 1, 1)), HasSubstr("w = 1 is not legal; it must be more than b = 1"));
  EXPECT_THAT(Error(MSgc(8, 1, 65, 1)), HasSubstr("w = 65 is not legal"));
  EXPECT_THAT(Error(MSgc(8, 3, 63, 1)),
              HasSubstr("w = 63 is not legal; it must be such that w + b - 1 is at most 64"));
  EXPECT_THAT(Error(MSgc(8, 1, 2, 0)), HasSubstr("lambda = 0 is not legal; it must be 1 or more"));
  EXPECT_THAT(Error(MSgc(0, 1, 2, 1)), HasSubstr("slots = 0"));
  EXPECT_THAT(Error(MSgc(8, 1, 2, 2, "bernoulli")), HasSubstr("approximate"));
}

}  // namespace
}  // namespace gradloom
