#include "proto/ops/stop_signal.h"

#include <unistd.h>

#include <csignal>
#include <future>

#include "gtest/gtest.h"

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

TEST(StopSignal, EndsQuietlyWithoutASignal) {
  bool called = false;
  {
    StopSignal stop([&](int) { called = true; });
  }
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace gradloom
