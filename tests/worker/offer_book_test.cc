#include "worker/offer_book.h"

#include <string>

#include "gtest/gtest.h"

namespace gradloom {
namespace {

using News = OfferBook::News;

v1::RunOffer Offer(uint64_t run, const std::string& name = "") {
  v1::RunOffer offer;
  offer.set_run(run);
  offer.mutable_spec()->set_name(name);
  return offer;
}

class OfferBookTest : public testing::Test {
 protected:
  News Fail(const OfferBook::Attempt& attempt, const std::string& error,
            absl::Duration took = absl::ZeroDuration()) {
    return book_.Done(attempt, error, now_, took);
  }
  absl::Time now_ = absl::UnixEpoch();
  OfferBook book_{absl::Seconds(1), absl::Minutes(1)};
};

TEST_F(OfferBookTest, OffersAreTriedInTheirOrderAndForgottenWhenOpen) {
  EXPECT_EQ(book_.Take(now_), std::nullopt);
  EXPECT_EQ(book_.NextTime(), absl::InfiniteFuture());
  book_.Add(Offer(7), now_);
  book_.Add(Offer(3), now_);
  const auto first = book_.Take(now_);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->offer.run(), 7u);
  EXPECT_EQ(Fail(*first, ""), News::kTell);
  EXPECT_EQ(book_.Take(now_)->offer.run(), 3u);
  EXPECT_EQ(book_.Take(now_), std::nullopt) << "being tried, and open";
}

TEST_F(OfferBookTest, F18_WhatCannotBeOpenedIsTriedAgainAndToldWhenItChanges) {
  book_.Add(Offer(1), now_);
  EXPECT_EQ(Fail(*book_.Take(now_), "data.csv is not there"), News::kTell);
  absl::Duration pause;
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(book_.Take(now_), std::nullopt);
    pause = book_.NextTime() - now_;
    EXPECT_GE(pause, absl::Seconds(1));
    now_ = book_.NextTime();
    EXPECT_EQ(Fail(*book_.Take(now_), "data.csv is not there"), News::kNone);
  }
  EXPECT_EQ(pause, absl::Minutes(1)) << "ever more seldom";
  now_ = book_.NextTime();
  EXPECT_EQ(Fail(*book_.Take(now_), "data.csv has another checksum"), News::kTell);
  now_ = book_.NextTime();
  EXPECT_EQ(Fail(*book_.Take(now_), ""), News::kTell);
  EXPECT_EQ(book_.NextTime(), absl::InfiniteFuture());
}

TEST_F(OfferBookTest, OpeningThatTakesLongIsTriedTheMoreSeldom) {
  book_.Add(Offer(1), now_);
  Fail(*book_.Take(now_), "another checksum", absl::Seconds(30));
  EXPECT_EQ(book_.NextTime() - now_, absl::Seconds(300));
}

TEST_F(OfferBookTest, RunsThatEndOrAreOfferedAnewMeanwhile) {
  book_.Add(Offer(1), now_);
  book_.Add(Offer(2, "old"), now_);
  const auto ended = book_.Take(now_);
  book_.EndRun(1);
  EXPECT_EQ(Fail(*ended, ""), News::kOutdated);
  const auto old = book_.Take(now_);
  book_.Add(Offer(2, "new"), now_);
  EXPECT_EQ(Fail(*old, ""), News::kOutdated);
  const auto renewed = book_.Take(now_);
  ASSERT_TRUE(renewed.has_value());
  EXPECT_EQ(renewed->offer.spec().name(), "new");
}

}  // namespace
}  // namespace gradloom
