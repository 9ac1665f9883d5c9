// Child processes, with the shell in their role. Waits are on the kernel's events, never on time.
#include "coordinator/cli/supervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/cli/programs.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

class SupervisorTest : public testing::Test {
 protected:
  SupervisorTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~SupervisorTest() override { std::filesystem::remove_all(folder_); }

  ChildSpec Shell(const std::string& script) const {
    return {"shell", {"/bin/sh", "-c", script}, Log()};
  }
  std::string Log() const { return folder_ + "/shell.log"; }

  // Blocks until the process has ended, and leaves it to be reaped.
  static void AwaitEnd(pid_t pid) {
    siginfo_t info;
    ASSERT_EQ(waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  }

  const std::string folder_ = absl::StrCat(testing::TempDir(), "/supervisor-", getpid());
  const absl::Time start_ = absl::UnixEpoch();
};

TEST_F(SupervisorTest, RestartsTheDeadAfterAPause) {
  Supervisor supervisor;
  const int child = supervisor.Start(start_, Shell("echo ran; exit 3")).value();
  AwaitEnd(supervisor.pid(child));
  auto events = supervisor.Poll(start_ + absl::Milliseconds(10));
  ASSERT_EQ(events.size(), 1);
  EXPECT_EQ(events[0].kind, ChildEvent::Kind::kDied);
  EXPECT_EQ(events[0].how, "exited with code 3");
  EXPECT_FALSE(supervisor.running(child));
  EXPECT_TRUE(supervisor.Poll(start_ + absl::Milliseconds(109)).empty());
  events = supervisor.Poll(start_ + absl::Milliseconds(110));
  ASSERT_EQ(events.size(), 1);
  EXPECT_EQ(events[0].kind, ChildEvent::Kind::kRestarted);
  EXPECT_EQ(supervisor.restarts(child), 1);
  AwaitEnd(supervisor.pid(child));
  EXPECT_EQ(LogTail(Log(), 9), "    ran\n    ran\n");
}

TEST_F(SupervisorTest, GivesUpAfterQuickDeathsInARow) {
  RestartPolicy policy;
  policy.attempts = 3;
  Supervisor supervisor(policy);
  const int child = supervisor.Start(start_, Shell("exit 1")).value();
  absl::Time now = start_;
  for (int death = 0; death < 3; ++death) {
    ASSERT_FALSE(supervisor.given_up(child));
    AwaitEnd(supervisor.pid(child));
    now += absl::Seconds(1);
    (void)supervisor.Poll(now);  // reaps
    now += absl::Seconds(1);
    (void)supervisor.Poll(now);  // restarts
  }
  EXPECT_TRUE(supervisor.given_up(child));
  EXPECT_FALSE(supervisor.running(child));
}

TEST_F(SupervisorTest, ALongLifeStartsCountingAnew) {
  RestartPolicy policy;
  policy.attempts = 2;
  Supervisor supervisor(policy);
  const int child = supervisor.Start(start_, Shell("exit 1")).value();
  absl::Time now = start_;
  for (int death = 0; death < 5; ++death) {
    AwaitEnd(supervisor.pid(child));
    now += absl::Seconds(60);
    (void)supervisor.Poll(now);
    now += absl::Seconds(1);
    (void)supervisor.Poll(now);
  }
  EXPECT_EQ(supervisor.restarts(child), 5);
}

TEST_F(SupervisorTest, SaysWhichSignalKilled) {
  Supervisor supervisor;
  const int child = supervisor.Start(start_, Shell("kill -9 $$")).value();
  AwaitEnd(supervisor.pid(child));
  const auto events = supervisor.Poll(start_);
  ASSERT_FALSE(events.empty());
  EXPECT_THAT(events[0].how, HasSubstr("signal 9"));
}

TEST_F(SupervisorTest, StopAsksFirstAndKillsThen) {
  Supervisor supervisor;
  // The first leaves when asked; the second does not listen.
  const std::string polite = folder_ + "/polite", ready = folder_ + "/ready";
  const int first =
      supervisor
          .Start(start_, Shell(absl::StrCat("trap 'echo bye > ", polite, "; exit 0' TERM; echo > ",
                                            ready, "; while :; do read x < /dev/zero; done")))
          .value();
  const pid_t pid = supervisor.pid(first);
  while (!std::filesystem::exists(ready)) sched_yield();
  (void)supervisor.Start(start_, {"deaf", {"/bin/sh", "-c", "trap '' TERM; kill -STOP $$"}, Log()});
  supervisor.StopAll(absl::Milliseconds(200));
  EXPECT_FALSE(supervisor.running(0));
  EXPECT_FALSE(supervisor.running(1));
  EXPECT_NE(kill(pid, 0), 0);
  EXPECT_TRUE(supervisor.Poll(start_ + absl::Seconds(100)).empty());  // no restarts
}

TEST_F(SupervisorTest, F10_ChildrenInheritNoSignalThatWeBlockOrIgnore) {
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  struct sigaction ignore = {}, old[3];
  ignore.sa_handler = SIG_IGN;
  const int numbers[] = {SIGPIPE, SIGTERM, SIGHUP};
  for (int i = 0; i < 3; ++i) sigaction(numbers[i], &ignore, &old[i]);
  Supervisor supervisor;
  const int child =
      supervisor.Start(start_, {"grep", {"/bin/grep", "^Sig[BI]", "/proc/self/status"}, Log()})
          .value();
  AwaitEnd(supervisor.pid(child));
  for (int i = 0; i < 3; ++i) sigaction(numbers[i], &old[i], nullptr);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  // Of the ignored ones SIGHUP (bit 0) stays, as nohup means it to.
  EXPECT_EQ(LogTail(Log(), 9), "    SigBlk:\\t0000000000000000\n    SigIgn:\\t0000000000000001\n");
}

TEST_F(SupervisorTest, F10_AChildThatWasReapedBySomebodyElseHasDied) {
  Supervisor supervisor;
  const int child = supervisor.Start(start_, Shell("exit 3")).value();
  ASSERT_GT(waitpid(supervisor.pid(child), nullptr, 0), 0);
  const auto events = supervisor.Poll(start_);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0].kind, ChildEvent::Kind::kDied);
  EXPECT_EQ(events[0].how, "ended unseen");
}

TEST_F(SupervisorTest, ChildrenDieWithTheirParent) {
  // This process adopts the orphans, so that it sees them end.
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    Supervisor supervisor;
    absl::StatusOr<int> child = supervisor.Start(start_, Shell("kill -STOP $$"));
    const pid_t pid = child.ok() ? supervisor.pid(*child) : 0;
    if (write(pipe_ends[1], &pid, sizeof(pid)) != sizeof(pid)) _exit(1);
    raise(SIGKILL);
  }
  pid_t child = 0;
  ASSERT_EQ(read(pipe_ends[0], &child, sizeof(child)), sizeof(child));
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(parent, &status, 0), parent);
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
              (WIFEXITED(status) && WEXITSTATUS(status) == 127));
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST_F(SupervisorTest, MissingProgramsAreErrors) {
  Supervisor supervisor;
  EXPECT_THAT(
      std::string(supervisor.Start(start_, {"x", {"/no/such", "-v"}, Log()}).status().message()),
      HasSubstr("x: '/no/such' cannot be executed"));
  EXPECT_THAT(
      std::string(supervisor.Start(start_, {"x", {"/bin/sh"}, "/no/such/log"}).status().message()),
      HasSubstr("log file"));
  EXPECT_THAT(std::string(FindProgramIn("nothing", {"/bin", "/sbin"}).status().message()),
              HasSubstr("nothing is in none of: /bin, /sbin"));
  EXPECT_EQ(FindProgramIn("sh", {"/no/such", "/bin"}).value(), "/bin/sh");
}

}  // namespace
}  // namespace gradloom
