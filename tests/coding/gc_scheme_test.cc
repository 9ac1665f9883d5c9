#include <set>

#include "coding/scheme_kind.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coding/specs.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Scheme> Make(int slots, int s) {
  auto scheme = MakeScheme(Gc(slots, s));
  EXPECT_TRUE(scheme.ok()) << scheme.status();
  return *std::move(scheme);
}

TEST(GcSchemeTest, LoadAndDelayEqualTheFormulas) {
  EXPECT_EQ(Make(256, 15)->load(), 0.0625);
  EXPECT_EQ(Make(256, 15)->delay(), 0);
  const auto uncoded = MakeScheme(Spec("uncoded", 256));
  ASSERT_TRUE(uncoded.ok());
  EXPECT_EQ((*uncoded)->load(), 1.0 / 256);
  EXPECT_EQ((*uncoded)->name(), "uncoded");
}

TEST(GcSchemeTest, ClosesWithOneReplyPerPartAndDecodesToTheirPlainSum) {
  auto scheme = Make(6, 2);
  const auto tasks = scheme->StartRound(true);
  ASSERT_EQ(tasks.size(), 6);
  EXPECT_EQ(scheme->Pending(), 6);
  EXPECT_TRUE(scheme->Receive(tasks[4]));  // part 0
  EXPECT_FALSE(scheme->Receive(tasks[4])) << "a repetition";
  EXPECT_FALSE(scheme->Needed(tasks[0])) << "the same bits as slot 4's";
  EXPECT_TRUE(scheme->Needed(tasks[1]));
  EXPECT_FALSE(scheme->Receive(tasks[2])) << "part 0 again";
  EXPECT_FALSE(scheme->Verdict().due_decodable);
  EXPECT_EQ(scheme->Decode(0).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(scheme->Verdict().pattern_conforming);
  EXPECT_TRUE(scheme->Receive(tasks[3]));
  EXPECT_TRUE(scheme->Verdict().may_close());
  EXPECT_FALSE(scheme->Verdict().pattern_conforming) << "3 > s = 2 slots have not answered";
  EXPECT_FALSE(scheme->Receive(tasks[5]));
  EXPECT_EQ(scheme->Pending(), 2);
  EXPECT_TRUE(scheme->Verdict().pattern_conforming);
  EXPECT_TRUE(scheme->Delivered(5));
  EXPECT_FALSE(scheme->Delivered(0));
  const auto decoding = scheme->Decode(0);
  ASSERT_TRUE(decoding.ok());
  ASSERT_EQ(decoding->weights.size(), 2);
  for (int part = 0; part < 2; ++part) {
    EXPECT_EQ(decoding->weights[part].part, part);
    EXPECT_EQ(decoding->weights[part].weight, 1);
  }
}

TEST(GcSchemeTest, ForgottenVoidAndForeignTasksAreNotNeeded) {
  auto scheme = Make(4, 1);
  std::vector<MiniTask> first;
  for (const MiniTask& task : scheme->StartRound(true)) first.push_back(task);
  for (int slot = 0; slot < 2; ++slot) scheme->Receive(first[slot]);
  scheme->CloseRound();
  scheme->Forget(0);
  EXPECT_FALSE(scheme->Receive(first[2]));
  EXPECT_TRUE(scheme->StartRound(false).empty());
  EXPECT_EQ(scheme->Pending(), 0);
  EXPECT_TRUE(scheme->Verdict().may_close());
  EXPECT_TRUE(scheme->Decodable(1));
  EXPECT_FALSE(scheme->Receive(first[2])) << "of an earlier job";
  EXPECT_FALSE(scheme->Receive({.slot = 0, .part = 0, .job = 1})) << "of a void job";
  scheme->CloseRound();
  scheme->StartRound(true);
  for (const MiniTask& bad : {MiniTask{-1, 0, 2},
                              {4, 0, 2},
                              {0, -1, 2},
                              {0, 2, 2},
                              {0, 1, 2},
                              {0, 0, 3},
                              {0, 0, 1},
                              {0, 0, -1}}) {
    EXPECT_FALSE(scheme->Receive(bad)) << bad.slot << " " << bad.part << " " << bad.job;
  }
  EXPECT_EQ(scheme->Pending(), 4);
}

TEST(GcSchemeTest, ErrorsNameTheBrokenRelation) {
  EXPECT_THAT(MakeScheme(Gc(8, 8)).status().message(),
              HasSubstr("gc: s = 8 is not legal; it must be less than slots = 8"));
  EXPECT_THAT(MakeScheme(Gc(8, -1)).status().message(),
              HasSubstr("gc: s = -1 is not legal; it must be 0 or more"));
  EXPECT_EQ(MakeScheme(Gc(1025, 1, "dual")).status().message(),
            "gc: slots = 1025 with code dual: legal are 1..1024");
  EXPECT_THAT(MakeScheme(Spec("uncoded", 0)).status().message(), HasSubstr("slots = 0"));
}

}  // namespace
}  // namespace gradloom
