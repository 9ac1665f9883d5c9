#include "worker/pace_book.h"

#include "gtest/gtest.h"

namespace gradloom {
namespace {

TEST(PaceBook, LearnsLaneByLane) {
  PaceBook paces;
  const PaceBook::Lane lane{1, 2, 3}, other{1, 2, 4}, of_other_run{2, 2, 3};
  EXPECT_EQ(paces.SecondsPerExample(lane), 0);
  paces.Learn(lane, 10, 0);
  EXPECT_EQ(paces.SecondsPerExample(lane), 0) << "no examples teach nothing";
  paces.Learn(lane, 10, 5);
  EXPECT_EQ(paces.SecondsPerExample(lane), 2);
  paces.Learn(lane, 40, 10);
  EXPECT_DOUBLE_EQ(paces.SecondsPerExample(lane), 0.7 * 2 + 0.3 * 4);
  EXPECT_EQ(paces.SecondsPerExample(other), 0);
  paces.Learn(of_other_run, 1, 1);
  paces.EndRun(1);
  EXPECT_EQ(paces.SecondsPerExample(lane), 0);
  EXPECT_EQ(paces.SecondsPerExample(of_other_run), 1);
}

}  // namespace
}  // namespace gradloom
