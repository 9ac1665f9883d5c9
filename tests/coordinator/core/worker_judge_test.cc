#include "coordinator/core/worker_judge.h"

#include "gtest/gtest.h"

namespace gradloom {
namespace {

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);
const WorkerJudge::What kTask = {0, 4, 2};

TEST(WorkerJudgeTest, OneWorkersFailuresAreNotTheTasks) {
  WorkerJudge judge({.max_task_attempts = 3});
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(judge.Failed(kTask, "sick", false, /*others=*/true));
  EXPECT_TRUE(judge.Failed(kTask, "well", false, true)) << "so it is the task's";
  EXPECT_EQ(judge.FailedAt(kTask), "sick, well");
}

TEST(WorkerJudgeTest, WithNobodyElseThereItIsTriedSoOften) {
  WorkerJudge judge({.max_task_attempts = 3});
  EXPECT_FALSE(judge.Failed(kTask, "a", false, /*others=*/false));
  EXPECT_FALSE(judge.Failed(kTask, "a", false, false));
  EXPECT_TRUE(judge.Failed(kTask, "a", false, false));
}

TEST(WorkerJudgeTest, FatalTakesTwoOrNobodyElse) {
  WorkerJudge judge({});
  EXPECT_FALSE(judge.Failed(kTask, "a", true, true));
  EXPECT_FALSE(judge.Failed(kTask, "a", true, true)) << "the same one says it again";
  EXPECT_TRUE(judge.Failed(kTask, "b", true, true));
  EXPECT_TRUE(WorkerJudge({}).Failed(kTask, "a", true, /*others=*/false));
}

TEST(WorkerJudgeTest, SettledJobsAreForgotten) {
  WorkerJudge judge({.max_task_attempts = 2});
  judge.Failed(kTask, "a", false, true);
  judge.Settled(0, 4);
  EXPECT_EQ(judge.FailedAt(kTask), "a") << "job 4 is under way";
  judge.Settled(1, 9);
  EXPECT_EQ(judge.FailedAt(kTask), "a") << "another lane";
  judge.Settled(0, 5);
  EXPECT_EQ(judge.FailedAt(kTask), "");
}

TEST(WorkerJudgeTest, RestsDoubleUntilItHasServedAsLong) {
  WorkerJudge judge({.rest_first = absl::Seconds(1), .rest_max = absl::Seconds(4)});
  absl::Time now = kStart;
  for (const int seconds : {1, 2, 4, 4}) {
    EXPECT_EQ(judge.Rest("a", now), now + absl::Seconds(seconds));
    now = judge.RestsUntil("a");
  }
  EXPECT_EQ(judge.RestsUntil("b"), absl::InfinitePast());
  now += absl::Seconds(4);
  EXPECT_EQ(judge.Rest("a", now), now + absl::Seconds(1));
}

TEST(WorkerJudgeTest, PatienceFollowsTheLongestAnswers) {
  WorkerJudge judge({.patience_factor = 10, .patience_min = absl::Seconds(5)});
  EXPECT_EQ(judge.Patience(), absl::InfiniteDuration()) << "nobody has answered anything";
  judge.Answered(kTask, absl::Milliseconds(10));
  EXPECT_EQ(judge.Patience(), absl::Seconds(5));
  judge.Answered(kTask, absl::Seconds(3));
  EXPECT_EQ(judge.Patience(), absl::Seconds(30));
  for (int i = 0; i < 1000; ++i) judge.Answered(kTask, absl::Seconds(1));
  EXPECT_EQ(judge.Patience(), absl::Seconds(10)) << "that was long ago";
}

TEST(WorkerJudgeTest, PatienceGrowsUntilWhatIsLeftUnansweredIsAnswered) {
  const WorkerJudge::What other{0, 4, 1};
  WorkerJudge judge({});
  judge.Answered(other, absl::Milliseconds(10));
  judge.Unanswered(kTask, absl::Seconds(5));
  EXPECT_EQ(judge.Patience(), absl::Seconds(10));
  judge.Unanswered(kTask, absl::Seconds(10));
  EXPECT_EQ(judge.Patience(), absl::Seconds(20));
  for (int i = 0; i < 1000; ++i) judge.Answered(other, absl::Milliseconds(10));
  EXPECT_EQ(judge.Patience(), absl::Seconds(20)) << "nobody has shown that it can be done sooner";
  judge.Answered(kTask, absl::Milliseconds(10));
  EXPECT_EQ(judge.Patience(), absl::Seconds(5)) << "it was the worker, not the task";
  judge.Unanswered(kTask, absl::Seconds(10));
  judge.Settled(0, 5);
  EXPECT_EQ(judge.Patience(), absl::Seconds(5)) << "nobody needs it any more";
}

}  // namespace
}  // namespace gradloom
