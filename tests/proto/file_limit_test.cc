#include "proto/ops/file_limit.h"

#include <sys/resource.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(FileLimit, F26_IsRaisedAsFarAsItMay) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_GE(before.rlim_max, 256U);
  const rlimit low{200, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  const uint64_t limit = RaiseFileLimit();
  rlimit after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_GT(limit, 200U);
  EXPECT_EQ(limit, after.rlim_cur);
  EXPECT_EQ(after.rlim_max, before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST(FileLimit, F26_SaysWhatIsMissing) {
  EXPECT_TRUE(CheckFileLimit(256, 256, "x").ok());
  EXPECT_THAT(std::string(CheckFileLimit(256, 1064, "the coordinator of 1000 workers").message()),
              AllOf(HasSubstr("the coordinator of 1000 workers may need 1064 open files"),
                    HasSubstr("the limit here is 256"), HasSubstr("ulimit -n 1064")));
}

}  // namespace
}  // namespace gradloom
