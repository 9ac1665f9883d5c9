// Who is asked for which chunk of an evaluation, and that every evaluation ends.
#include "coordinator/engine/evaluation_book.h"

#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::IsEmpty;

EvaluationResult Sums(double loss) { return EvaluationSums{.loss = loss, .examples = 1}; }

class EvaluationBookTest : public testing::Test {
 protected:
  std::vector<EvaluationBook::Ask> Next() { return book_.Next(now_); }
  // The only one that is asked now.
  EvaluationBook::Ask NextOne() {
    const auto asks = Next();
    EXPECT_EQ(asks.size(), 1u);
    return asks.empty() ? EvaluationBook::Ask() : asks.front();
  }
  void Answer(const EvaluationBook::Ask& ask) {
    book_.Answered(ask.id, ask.worker, Sums(ask.what.chunk), now_);
  }

  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  EvaluationBook book_{0};
};

TEST_F(EvaluationBookTest, HandsOneChunkToEachWorkerAtATimeAndKeepsTheirOrder) {
  book_.Join(1);
  book_.Join(2);
  book_.Add({.trial = 0, .view = 5, .chunks = 3}, now_);
  const auto asks = Next();
  ASSERT_EQ(asks.size(), 2u);
  EXPECT_EQ(asks[0].worker, 1u);
  EXPECT_EQ(asks[1].worker, 2u);
  EXPECT_THAT(Next(), IsEmpty());
  Answer(asks[1]);
  const EvaluationBook::Ask third = NextOne();
  EXPECT_EQ(third.what, (EvaluationBook::Chunk{0, 5, 2}));
  Answer(third);
  EXPECT_FALSE(book_.TakeComplete().has_value());
  Answer(asks[0]);
  const auto complete = book_.TakeComplete();
  ASSERT_TRUE(complete.has_value());
  EXPECT_EQ(complete->view, 5);
  for (int chunk = 0; chunk < 3; ++chunk) {
    EXPECT_EQ(std::get<EvaluationSums>(complete->results[chunk]).loss, chunk);
  }
  EXPECT_FALSE(book_.TakeComplete().has_value()) << "once";
  EXPECT_EQ(book_.due(0), 1u) << "until it is taken";
  book_.Taken(0, 5, {});
  EXPECT_TRUE(book_.empty());
}

TEST_F(EvaluationBookTest, ViewsOfATrialAreTakenInTheirOrderAndOthersDoNotWait) {
  book_.Join(1);
  book_.Join(2);
  book_.Join(3);
  book_.Add({.trial = 0, .view = 5}, now_);
  book_.Add({.trial = 0, .view = 10}, now_);
  book_.Add({.trial = 1, .view = 5}, now_);
  const auto asks = Next();
  ASSERT_EQ(asks.size(), 3u);
  Answer(asks[1]);
  EXPECT_FALSE(book_.TakeComplete().has_value());
  Answer(asks[2]);
  EXPECT_EQ(book_.TakeComplete()->trial, 1);
  Answer(asks[0]);
  EXPECT_EQ(book_.TakeComplete()->view, 5);
  EXPECT_FALSE(book_.TakeComplete().has_value()) << "5 has not been taken";
  const std::vector<int64_t> due = {10};
  book_.Taken(0, 5, due);
  EXPECT_EQ(book_.TakeComplete()->view, 10);
}

TEST_F(EvaluationBookTest, WhatALostWorkerHadGoesToAnother) {
  book_.Join(1);
  book_.Add({.trial = 0, .view = 5}, now_);
  const EvaluationBook::Ask lost = NextOne();
  book_.Join(2);
  EXPECT_THAT(Next(), IsEmpty());
  book_.Leave(1);
  const EvaluationBook::Ask again = NextOne();
  EXPECT_EQ(again.worker, 2u);
  EXPECT_EQ(again.what, lost.what);
  Answer(lost);
  EXPECT_FALSE(book_.TakeComplete().has_value()) << "the dead do not answer";
  Answer(again);
  EXPECT_TRUE(book_.TakeComplete().has_value());
}

TEST_F(EvaluationBookTest, AMuteWorkersChunkIsAskedOfAnotherToo) {
  book_.Join(1);
  book_.Add({.trial = 0, .view = 5, .chunks = 2}, now_);
  const EvaluationBook::Ask mute = NextOne();
  book_.Join(2);
  Answer(NextOne());
  EXPECT_THAT(Next(), IsEmpty());
  ASSERT_EQ(book_.NextTimeout(), now_ + EvaluationBook::kPatienceMin);
  now_ = book_.NextTimeout();
  const EvaluationBook::Ask again = NextOne();
  EXPECT_EQ(again.what, mute.what);
  EXPECT_EQ(again.worker, 2u);
  Answer(again);
  EXPECT_TRUE(book_.TakeComplete().has_value());
  // It comes late, counts for nothing, and has time again.
  EXPECT_FALSE(book_.Find(mute.id, 1).has_value());
  book_.Taken(0, 5, {});
  book_.Add({.trial = 0, .view = 10, .chunks = 2}, now_);
  EXPECT_EQ(Next().size(), 1u);
  Answer(mute);
  EXPECT_EQ(NextOne().worker, 1u);
}

TEST_F(EvaluationBookTest, PatienceGrowsWithWhatAnswersTake) {
  book_.Join(1);
  book_.Add({.trial = 0, .view = 5, .chunks = 3}, now_);
  const EvaluationBook::Ask first = NextOne();
  now_ += absl::Seconds(2);
  Answer(first);
  NextOne();
  book_.Join(2);
  Answer(NextOne());
  EXPECT_THAT(Next(), IsEmpty());
  EXPECT_GT(book_.NextTimeout(), now_ + absl::Seconds(7));
}

TEST_F(EvaluationBookTest, AnswersThatAreNotTheWorkersOrCameBeforeCountForNothing) {
  book_.Join(1);
  book_.Join(2);
  book_.Add({.trial = 0, .view = 5, .chunks = 2}, now_);
  const auto asks = Next();
  book_.Answered(asks[0].id, 2, Sums(7), now_);
  book_.Answered(asks[0].id + 100, 1, Sums(7), now_);
  EXPECT_FALSE(book_.Find(asks[0].id, 2).has_value());
  EXPECT_THAT(Next(), IsEmpty()) << "both are still at theirs";
  Answer(asks[0]);
  book_.Answered(asks[0].id, 1, Sums(8), now_);
  Answer(asks[1]);
  EXPECT_EQ(std::get<EvaluationSums>(book_.TakeComplete()->results[0]).loss, 0);
}

TEST_F(EvaluationBookTest, IdsOfAnotherLifeAreOthers) {
  EvaluationBook later(1);
  std::set<uint64_t> ids;
  for (EvaluationBook* book : {&book_, &later}) {
    book->Join(1);
    book->Add({.trial = 0, .view = 5}, now_);
    EXPECT_TRUE(ids.insert(book->Next(now_)[0].id).second);
  }
}

TEST_F(EvaluationBookTest, WhoIsUnableOrFailsAgainAndAgainIsNotAskedAnyMore) {
  book_.Join(1);
  book_.Join(2);
  book_.Add({.trial = 0, .view = 5, .chunks = 64}, now_);
  auto asks = Next();
  book_.Failed(asks[0].id, 1, /*unable=*/true);
  EXPECT_THAT(Next(), IsEmpty()) << "one is unable, the other busy";
  for (int failure = 0; failure < EvaluationBook::kFailuresMax; ++failure) {
    const EvaluationBook::Ask ask = failure == 0 ? asks[1] : Next()[0];
    EXPECT_EQ(ask.worker, 2u);
    book_.Failed(ask.id, 2, /*unable=*/false);
    book_.Clear();
    if (failure + 1 < EvaluationBook::kFailuresMax) {
      book_.Add({.trial = 0, .view = 5 + failure, .chunks = 64}, now_);
    }
  }
  book_.Add({.trial = 0, .view = 50}, now_);
  EXPECT_EQ(NextOne().worker, 0u);
}

TEST_F(EvaluationBookTest, WhatNobodyCanTheCoordinatorComputesOneChunkAtATime) {
  book_.Add({.trial = 0, .view = 5, .chunks = 2}, now_);
  const EvaluationBook::Ask first = NextOne();
  EXPECT_EQ(first.worker, 0u);
  EXPECT_THAT(Next(), IsEmpty());
  Answer(first);
  Answer(NextOne());
  EXPECT_TRUE(book_.TakeComplete().has_value());
}

TEST_F(EvaluationBookTest, WhatIsForTheLearnerAloneIsNoWorkers) {
  book_.Join(1);
  book_.Add({.trial = 0, .view = 5, .chunks = 1, .by_workers = false}, now_);
  EXPECT_EQ(NextOne().worker, 0u);
}

TEST_F(EvaluationBookTest, AChunkThatFailsAtTwoIsTheCoordinators) {
  for (const WorkerId worker : {1, 2, 3}) book_.Join(worker);
  book_.Add({.trial = 0, .view = 5}, now_);
  const EvaluationBook::Ask first = NextOne();
  book_.Failed(first.id, first.worker, false);
  const EvaluationBook::Ask second = NextOne();
  EXPECT_NE(second.worker, first.worker);
  book_.Failed(second.id, second.worker, false);
  EXPECT_EQ(NextOne().worker, 0u);
}

TEST_F(EvaluationBookTest, WhenNobodyAnswersTheCoordinatorComputes) {
  book_.Join(1);
  book_.Add({.trial = 0, .view = 5, .chunks = 2}, now_);
  const EvaluationBook::Ask mute = NextOne();
  ASSERT_EQ(book_.NextTimeout(), now_ + EvaluationBook::kStalled);
  now_ = book_.NextTimeout();
  const EvaluationBook::Ask mine = NextOne();
  EXPECT_EQ(mine.worker, 0u);
  EXPECT_NE(mine.what, mute.what) << "what nobody is at comes first";
  Answer(mine);
  const EvaluationBook::Ask both = NextOne();
  EXPECT_EQ(both.what, mute.what);
  // Whoever is first.
  Answer(mute);
  EXPECT_FALSE(book_.TakeComplete().has_value()) << "the coordinator reads the trial";
  Answer(both);
  EXPECT_TRUE(book_.TakeComplete().has_value());
}

TEST_F(EvaluationBookTest, ViewsThatAreDueNoMoreAreDropped) {
  book_.Join(1);
  book_.Join(2);
  book_.Add({.trial = 0, .view = 5}, now_);
  book_.Add({.trial = 0, .view = 10}, now_);
  const auto asks = Next();
  Answer(asks[0]);
  ASSERT_TRUE(book_.TakeComplete().has_value());
  book_.Taken(0, 5, {});
  EXPECT_TRUE(book_.empty());
  EXPECT_FALSE(book_.Find(asks[1].id, 2).has_value());
  Answer(asks[1]);
  EXPECT_THAT(Next(), IsEmpty());
  EXPECT_EQ(book_.NextTimeout(), absl::InfiniteFuture());
}

}  // namespace
}  // namespace gradloom
