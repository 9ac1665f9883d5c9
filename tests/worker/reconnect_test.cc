#include "worker/reconnect.h"

#include "gtest/gtest.h"

namespace gradloom {
namespace {

const ReconnectOptions kOptions = {.first = absl::Milliseconds(50),
                                   .most = absl::Seconds(5),
                                   .most_replaced = absl::Minutes(1),
                                   .give_up_after = absl::Minutes(10)};

TEST(Reconnect, PausesGrowUntilAConnectionHasServedForAWhile) {
  absl::Time now = absl::UnixEpoch();
  Reconnect reconnect(kOptions, now);
  EXPECT_EQ(reconnect.After({}, now), absl::Milliseconds(50));
  EXPECT_EQ(reconnect.After({}, now), absl::Milliseconds(85));
  for (int i = 0; i < 20; ++i) reconnect.After({}, now);
  EXPECT_EQ(reconnect.After({}, now), absl::Seconds(5));
  // Welcomed, and broken off soon after.
  EXPECT_EQ(reconnect.After({.welcomed = true, .served = absl::Seconds(4)}, now), absl::Seconds(5));
  EXPECT_EQ(reconnect.After({.welcomed = true, .served = absl::Seconds(5)}, now),
            absl::Milliseconds(50));
}

// Two of one name, each of which takes the other's place: for as long as the longer pause at most
// the one that waits leaves the other alone.
TEST(Reconnect, F20_TwoOfOneNameDisturbEachOtherEverMoreSeldom) {
  absl::Time now = absl::UnixEpoch();
  Reconnect both[] = {Reconnect(kOptions, now), Reconnect(kOptions, now)};
  int replacements = 0;
  absl::Duration served;
  for (int loser = 0; now < absl::UnixEpoch() + absl::Seconds(18); loser = 1 - loser) {
    const auto pause =
        both[loser].After({.welcomed = true, .replaced = true, .served = served}, now);
    ASSERT_TRUE(pause.has_value()) << "the coordinator is there";
    served = *pause;
    now += *pause;
    ++replacements;
  }
  EXPECT_LT(replacements, 30);
  // Long service does not begin it anew: the other one is still there.
  for (int i = 0; i < 20; ++i) {
    both[0].After({.welcomed = true, .replaced = true, .served = absl::Minutes(1)}, now);
  }
  EXPECT_EQ(both[0].After({.welcomed = true, .replaced = true, .served = absl::Hours(1)}, now),
            absl::Minutes(1));
  // An ordinary loss waits as long as ordinary losses do.
  EXPECT_EQ(both[0].After({}, now), absl::Seconds(5));
}

TEST(Reconnect, GivesUpWithoutACoordinator) {
  const absl::Time begin = absl::UnixEpoch();
  Reconnect reconnect(kOptions, begin);
  EXPECT_TRUE(reconnect.After({}, begin + absl::Seconds(599)).has_value());
  EXPECT_TRUE(reconnect.After({.welcomed = true}, begin + absl::Seconds(600)).has_value());
  EXPECT_TRUE(reconnect.After({}, begin + absl::Seconds(1199)).has_value());
  EXPECT_FALSE(reconnect.After({}, begin + absl::Seconds(1200)).has_value());
  ReconnectOptions patient = kOptions;
  patient.give_up_after = absl::ZeroDuration();
  EXPECT_TRUE(Reconnect(patient, begin).After({}, begin + absl::Hours(1000)).has_value());
}

}  // namespace
}  // namespace gradloom
