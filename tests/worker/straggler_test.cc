#include "worker/straggler.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/random.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

Straggler Make(const std::string& text, uint64_t seed = 1) {
  const auto spec = ParseStraggle(text);
  EXPECT_TRUE(spec.ok()) << spec.status();
  auto straggler = Straggler::Make(*spec, seed, "");
  EXPECT_TRUE(straggler.ok()) << straggler.status();
  return *std::move(straggler);
}

std::vector<double> Delays(const Straggler& straggler, uint32_t slot, uint64_t jobs) {
  std::vector<double> delays;
  for (uint64_t job = 0; job < jobs; ++job) {
    delays.push_back(absl::ToDoubleSeconds(straggler.Delay(slot, job)));
  }
  return delays;
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

TEST(Straggler, NoneAndFixed) {
  EXPECT_EQ(Straggler().Delay(0, 0), absl::ZeroDuration());
  EXPECT_EQ(Make("none").Delay(3, 7), absl::ZeroDuration());
  EXPECT_EQ(Make("fixed:delay=100ms").Delay(3, 7), absl::Milliseconds(100));
}

TEST(Straggler, ExponentialHasItsMeanAndMedian) {
  std::vector<double> delays = Delays(Make("exponential:mean=200ms,base=1s"), 2, 20'000);
  EXPECT_NEAR(Mean(delays), 1.2, 0.006);  // four standard errors
  std::nth_element(delays.begin(), delays.begin() + 10'000, delays.end());
  EXPECT_NEAR(delays[10'000], 1 + 0.2 * std::log(2), 0.006);
  EXPECT_GE(*std::min_element(delays.begin(), delays.end()), 1);
}

TEST(Straggler, ParetoHasItsTailAndLimit) {
  const std::vector<double> delays = Delays(Make("pareto:scale=50ms,shape=2,limit=1s"), 0, 20'000);
  EXPECT_GE(*std::min_element(delays.begin(), delays.end()), 0.05);
  EXPECT_EQ(*std::max_element(delays.begin(), delays.end()), 1);
  // P(delay > 100 ms) = (50/100)^2
  const auto above = std::count_if(delays.begin(), delays.end(), [](double d) { return d > 0.1; });
  EXPECT_NEAR(static_cast<double>(above) / 20'000, 0.25, 0.0125);
}

// Against a walk of the chain from its start, for all kinds of transitions.
TEST(Straggler, GilbertElliottEqualsTheChainWalkedFromTheStart) {
  for (const auto& [enter, leave] : std::vector<std::pair<double, double>>{
           {0.05, 0.5}, {0.5, 0.05}, {0.9, 0.8}, {1, 1}, {0, 0.5}, {0.3, 0}, {1, 0}}) {
    const Straggler straggler =
        Make(absl::StrCat("gilbert_elliott:delay=2s,enter=", enter, ",leave=", leave), 9);
    for (const uint32_t slot : {0u, 5u}) {
      bool slow = false;
      for (uint32_t job = 0; job < 300; ++job) {
        const double u = RandomStream(9, Purpose::kStraggle, slot, job).NextUniform();
        slow = slow ? u < 1 - leave : u < enter;
        ASSERT_EQ(straggler.Delay(slot, job), slow ? absl::Seconds(2) : absl::ZeroDuration())
            << enter << " " << leave << " job " << job;
      }
    }
  }
}

TEST(Straggler, GilbertElliottComesInBursts) {
  const std::vector<double> delays = Delays(Make("gilbert_elliott:enter=0.1,leave=0.3"), 1, 20'000);
  EXPECT_NEAR(Mean(delays), 0.1 / 0.4, 0.03);
  int both = 0, first = 0;
  for (size_t i = 0; i + 1 < delays.size(); ++i) {
    first += delays[i] > 0;
    both += delays[i] > 0 && delays[i + 1] > 0;
  }
  EXPECT_NEAR(static_cast<double>(both) / first, 0.7, 0.03);
}

TEST(Straggler, DependsOnSeedSlotAndJobOnly) {
  const Straggler straggler = Make("exponential:mean=1s");
  EXPECT_EQ(Delays(straggler, 1, 50), Delays(Make("exponential:mean=1s"), 1, 50));
  EXPECT_NE(Delays(straggler, 1, 50), Delays(straggler, 2, 50));
  EXPECT_NE(Delays(straggler, 1, 50), Delays(Make("exponential:mean=1s", 2), 1, 50));
}

TEST(Straggler, TraceRowByRow) {
  const std::string file = testing::TempDir() + "/trace.csv";
  std::ofstream(file) << "slot0,slot1\n0.5, 1\n\n2,3\n";
  const Straggler straggler = Make("trace:scale=0.1,file=" + file);
  EXPECT_EQ(straggler.Delay(0, 0), absl::Milliseconds(50));
  EXPECT_EQ(straggler.Delay(1, 1), absl::Milliseconds(300));
  EXPECT_EQ(straggler.Delay(1, 2), absl::Milliseconds(100)) << "wraps round";
  EXPECT_EQ(straggler.Delay(2, 0), absl::ZeroDuration()) << "no such column";
}

TEST(Straggler, F05_TracesFromASpreadsheet) {
  const std::string file = testing::TempDir() + "/spreadsheet.csv";
  for (const char* text : {
           "\xef\xbb\xbfslot0,slot1\r\n0.5,1\r\n2,3",
           "\"slot0\";\"slot1\"\r\"0.5\";\"1\"\r2;3\r;\r",
           "# by round\n0.5\t1\n2\t3\n",
       }) {
    std::ofstream(file, std::ios::binary) << text;
    const Straggler straggler = Make("trace:file=" + file);
    EXPECT_EQ(straggler.Delay(0, 0), absl::Milliseconds(500)) << text;
    EXPECT_EQ(straggler.Delay(1, 1), absl::Seconds(3)) << text;
    EXPECT_EQ(straggler.Delay(0, 2), absl::Milliseconds(500)) << text;
  }
}

TEST(Straggler, F04_AFirstRowThatIsNoHeadingIsNotLost) {
  const std::string file = testing::TempDir() + "/first_row.csv";
  const auto message = [&](const char* text) {
    std::ofstream(file) << text;
    return std::string(
        Straggler::Make(*ParseStraggle("trace:file=" + file), 1, "").status().message());
  };
  EXPECT_THAT(message("-1,2\n1,2\n"), HasSubstr("line 1: -1 is no delay; legal: seconds from 0"));
  EXPECT_THAT(message("nan,2\n1,2\n"), HasSubstr("line 1, column 1: 'nan' is not a finite number"));
  EXPECT_THAT(message(",2\n1,2\n"), HasSubstr("line 1, column 1: is empty"));
}

TEST(Straggler, F17_ATraceIsARegularFile) {
  const std::string pipe = testing::TempDir() + "/pipe.csv";
  unlink(pipe.c_str());
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(
      std::string(Straggler::Make(*ParseStraggle("trace:file=" + pipe), 1, "").status().message()),
      "straggle.trace.file: " + pipe + " is a pipe; legal: a regular file");
  unlink(pipe.c_str());
  EXPECT_THAT(
      std::string(
          Straggler::Make(*ParseStraggle("trace:file=/nowhere.csv"), 1, "").status().message()),
      HasSubstr("straggle.trace.file: /nowhere.csv cannot be opened: No such file"));
}

TEST(Straggler, SlotsFreezesAndCrashes) {
  v1::StraggleSpec spec = *ParseStraggle("fixed:delay=1s");
  spec.add_slots(2);
  auto& freeze = *spec.add_freezes();
  freeze.set_slot(1);
  freeze.set_job(4);
  freeze.mutable_duration()->set_seconds(3);
  auto& crash = *spec.add_crashes();
  crash.set_slot(0);
  crash.set_job(6);
  Straggler straggler = *Straggler::Make(spec, 1, "");
  EXPECT_EQ(straggler.Delay(1, 0), absl::ZeroDuration());
  EXPECT_EQ(straggler.Delay(2, 0), absl::Seconds(1));
  EXPECT_EQ(straggler.Freeze(1, 4, 0), absl::Seconds(3));
  EXPECT_EQ(straggler.Freeze(1, 4, 1), std::nullopt) << "tried again: gets through";
  EXPECT_EQ(straggler.Freeze(0, 4, 0), std::nullopt);
  EXPECT_TRUE(straggler.Crash(0, 6, 0));
  EXPECT_FALSE(straggler.Crash(0, 6, 1));
  EXPECT_FALSE(straggler.Crash(0, 5, 0));
  straggler.AddCrash(9);
  straggler.AddFreeze(8, absl::Seconds(1));
  EXPECT_TRUE(straggler.Crash(5, 9, 0));
  EXPECT_FALSE(straggler.Crash(5, 9, 1));
  EXPECT_EQ(straggler.Freeze(5, 8, 0), absl::Seconds(1));
}

TEST(Straggler, ErrorsNameFieldValueAndWhatIsLegal) {
  const std::string bad = testing::TempDir() + "/bad.csv";
  std::ofstream(bad) << "1,2\n1,-2\n";
  const std::pair<const char*, std::string> cases[] = {
      {"weibull:k=1", "no model 'weibull'; known: none, fixed"},
      {"fixed:mean=1s", "fixed has no key 'mean'; known: delay"},
      {"fixed:delay=soon", "delay 'soon' is illegal; legal: a duration"},
      {"fixed:delay=-1s", "delay '-1s' is illegal"},
      {"pareto:scale=1s,shape=x", "shape 'x' is illegal; legal: a number"},
      {"pareto:scale=1s,shape=0", "straggle.pareto.shape 0 is illegal; legal: above 0"},
      {"gilbert_elliott:enter=1.5", "straggle.gilbert_elliott.enter 1.5 is no probability"},
      {"trace:scale=-1", "straggle.trace.scale -1 is illegal"},
  };
  for (const auto& [text, message] : cases) {
    const auto spec = ParseStraggle(text);
    const absl::Status status = spec.ok() ? Straggler::Make(*spec, 1, "").status() : spec.status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
  EXPECT_THAT(
      std::string(Straggler::Make(*ParseStraggle("trace:file=" + bad), 1, "").status().message()),
      HasSubstr("line 2: -2 is no delay; legal: seconds"));
}

}  // namespace
}  // namespace gradloom
