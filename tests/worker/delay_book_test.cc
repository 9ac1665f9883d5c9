#include "worker/delay_book.h"

#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

v1::Task Task(uint64_t invocation, uint32_t slot_invocation, uint64_t job) {
  v1::Task task;
  task.set_invocation(invocation);
  task.set_slot_invocation(slot_invocation);
  task.set_job(job);
  return task;
}

class DelayBookTest : public testing::Test {
 protected:
  // The k-th invocation of slot 0 is 10 (k + 1) s slow.
  DelayBookTest() {
    const std::string file =
        absl::StrCat(testing::TempDir(), "/delay_book_trace", getpid(), ".csv");
    std::ofstream(file) << "10\n20\n30\n";
    straggler_ = *Straggler::Make(*ParseStraggle("trace:file=" + file), 1, "");
  }
  absl::Duration Left(const v1::Task& task) const { return book_.Left(1, task, straggler_, now_); }
  DelayBook::Begun Begin(const v1::Task& task) { return book_.Begin(1, task, straggler_, now_); }

  absl::Time now_ = absl::UnixEpoch();
  Straggler straggler_;
  DelayBook book_;
};

TEST_F(DelayBookTest, AnInvocationIsSlowOnce) {
  EXPECT_EQ(Left(Task(5, 0, 0)), absl::Seconds(10)) << "not begun";
  EXPECT_EQ(Begin(Task(5, 0, 0)).slow_until, now_ + absl::Seconds(10));
  now_ += absl::Seconds(4);
  EXPECT_EQ(Left(Task(5, 0, 1)), absl::Seconds(6));
  const DelayBook::Begun second = Begin(Task(5, 0, 1));
  EXPECT_EQ(second.slow_until, now_ + absl::Seconds(6));
  EXPECT_TRUE(second.first_of_job);
  EXPECT_FALSE(Begin(Task(5, 0, 1)).first_of_job) << "another mini-task of that job";
  now_ += absl::Seconds(60);
  EXPECT_EQ(Left(Task(5, 0, 2)), absl::ZeroDuration());
}

// Of two weaves' first rounds, say: it is the slot's count that says how slow it is.
TEST_F(DelayBookTest, F23_DelaysGoByTheSlotsCount) {
  EXPECT_EQ(Begin(Task(5, 0, 0)).slow_until, now_ + absl::Seconds(10));
  EXPECT_EQ(Begin(Task(6, 1, 0)).slow_until, now_ + absl::Seconds(20));
  EXPECT_EQ(Begin(Task(9, 2, 0)).slow_until, now_ + absl::Seconds(30));
}

TEST_F(DelayBookTest, TasksOfNoInvocationStandAlone) {
  Begin(Task(0, 0, 0));
  now_ += absl::Seconds(4);
  EXPECT_EQ(Begin(Task(0, 0, 0)).slow_until, now_ + absl::Seconds(10));
  EXPECT_TRUE(Begin(Task(0, 0, 0)).first_of_job);
}

TEST_F(DelayBookTest, EndedRunsAreForgotten) {
  Begin(Task(5, 0, 0));
  now_ += absl::Seconds(4);
  book_.EndRun(1);
  EXPECT_EQ(Left(Task(5, 0, 0)), absl::Seconds(10));
}

}  // namespace
}  // namespace gradloom
