#include "proto/ops/stop_signal.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <future>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/ops/logging.h"
#include "proto/ops/signals.h"

namespace gradloom {
namespace {

TEST(StopSignal, CallsOnceWithTheSignal) {
  for (const int signal : {SIGINT, SIGTERM}) {
    std::promise<int> got;
    StopSignal stop([&](int number) { got.set_value(number); });
    kill(getpid(), signal);
    EXPECT_EQ(got.get_future().get(), signal);
  }
}

TEST(StopSignal, SecondSignalEndsTheProcess) {
  EXPECT_EXIT(
      {
        std::promise<void> first;
        StopSignal stop([&](int) { first.set_value(); });
        kill(getpid(), SIGINT);
        first.get_future().wait();
        kill(getpid(), SIGINT);
        pause();
      },
      testing::ExitedWithCode(128 + SIGINT), "");
}

TEST(StopSignal, F10_AClosedTerminalAsksOnce) {
  EXPECT_EXIT(
      {
        std::promise<void> first;
        StopSignal stop([&](int) { first.set_value(); });
        kill(getpid(), SIGHUP);
        first.get_future().wait();
        kill(getpid(), SIGHUP);
        kill(getpid(), SIGTERM);
        pause();
      },
      testing::ExitedWithCode(128 + SIGTERM), "");
}

TEST(StopSignal, F10_WhatIsIgnoredStaysIgnoredButForSigterm) {
  struct sigaction before[3];
  const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  for (int i = 0; i < 3; ++i) sigaction(numbers[i], &ignore, &before[i]);
  {
    std::promise<int> got;
    StopSignal stop([&](int number) { got.set_value(number); });
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGINT);
    kill(getpid(), SIGTERM);
    EXPECT_EQ(got.get_future().get(), SIGTERM);
  }
  for (int i = 0; i < 3; ++i) sigaction(numbers[i], &before[i], nullptr);
  EXPECT_THAT(StopSignals(), testing::UnorderedElementsAre(SIGTERM, SIGINT, SIGHUP));
}

TEST(StopSignal, F22_AnOverdueProcessEnds) {
  EXPECT_EXIT(
      {
        if (!SetUpLogging("gradloom-test", "text", "info").ok()) _exit(1);
        ExitWithin(absl::ZeroDuration(), 3, "a peer");
        while (true) pause();
      },
      testing::ExitedWithCode(3), "without waiting any longer for a peer");
}

TEST(Signals, F10_WhatAParentBlockedOrIgnoredDoesNotHinder) {
  EXPECT_EXIT(
      {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, nullptr);
        signal(SIGCHLD, SIG_IGN);
        PrepareSignals(BrokenPipe::kIgnored);
        const pid_t child = fork();
        if (child == 0) _exit(7);
        int status = 0;
        if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7) _exit(1);
        raise(SIGPIPE);
        raise(SIGTERM);  // the default: it kills
      },
      testing::KilledBySignal(SIGTERM), "");
}

TEST(StopSignal, EndsQuietlyWithoutASignal) {
  bool called = false;
  {
    StopSignal stop([&](int) { called = true; });
  }
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace gradloom
