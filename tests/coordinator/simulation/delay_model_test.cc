#include "coordinator/simulation/delay_model.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

TEST(TraceTest, ReadsRowsAndColumns) {
  const auto trace = ParseTrace("t.csv", "0.5,1\r\n2,3.25\n\n");
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(trace->rows, 2);
  EXPECT_EQ(trace->columns, 2);
  EXPECT_EQ(trace->at(1, 1), 3.25);
  EXPECT_EQ(trace->at(2, 0), 0.5) << "rows begin again";
}

TEST(TraceTest, ErrorsNameThePlace) {
  EXPECT_THAT(ParseTrace("t.csv", "1,2\n1,x\n").status().message(),
              HasSubstr("line 2, column 2: \"x\""));
  EXPECT_THAT(ParseTrace("t.csv", "1,2\n1\n").status().message(), HasSubstr("1 columns"));
  EXPECT_THAT(ParseTrace("t.csv", "-1\n").status().message(), HasSubstr(">= 0"));
  EXPECT_THAT(ParseTrace("t.csv", "nan\n").status().message(), HasSubstr("nan"));
  EXPECT_THAT(ParseTrace("t.csv", "\n").status().message(), HasSubstr("empty"));
}

TEST(TraceTest, FitsTheSlope) {
  Trace low, high;
  low.load = 0.25;
  low.seconds = {1.5, 1.7};
  high.load = 0.75;
  high.seconds = {3.5, 3.7};
  EXPECT_NEAR(*FitSlope({low, high}), 4.0, 1e-12);
  EXPECT_THAT(FitSlope({low, low}).status().message(), HasSubstr("two different loads"));
}

TEST(TraceDelaysTest, AdjustsForTheLoad) {
  Trace trace;
  trace.rows = 2;
  trace.columns = 2;
  trace.seconds = {1, 2, 3, 4};
  trace.load = 0.25;
  const auto delays = MakeTraceDelays(trace, 8);
  EXPECT_DOUBLE_EQ(delays->Seconds(1, 0, 0.5), 4);
  EXPECT_DOUBLE_EQ(delays->Seconds(0, 3, 0.25), 3);
  EXPECT_GT(delays->Seconds(0, 0, 0), 0) << "never negative";
}

double Mean(const DelayModel& delays, int count) {
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += delays.Seconds(i % 50, i / 50, 0);
  return sum / count;
}

TEST(GeneratedDelaysTest, HaveTheMeansTheyShould) {
  GeneratedDelays spec;
  spec.base_seconds = 1;
  spec.mean_seconds = 0.3;
  EXPECT_NEAR(Mean(**MakeGeneratedDelays(spec), 50000), 1.3, 0.01);
  spec.kind = GeneratedDelays::Kind::kPareto;
  spec.shape = 4;  // mean of base x U^(-1/4) is 4/3
  EXPECT_NEAR(Mean(**MakeGeneratedDelays(spec), 50000), 4.0 / 3, 0.01);
  spec.kind = GeneratedDelays::Kind::kGilbertElliott;
  spec.mean_seconds = 2;
  spec.enter = 0.1;
  spec.leave = 0.3;  // slow a quarter of the time
  EXPECT_NEAR(Mean(**MakeGeneratedDelays(spec), 50000), 1.5, 0.03);
}

TEST(GeneratedDelaysTest, BurstsLastAsLongAsTheyShould) {
  GeneratedDelays spec;
  spec.kind = GeneratedDelays::Kind::kGilbertElliott;
  spec.enter = 0.02;
  spec.leave = 0.2;
  const auto delays = *MakeGeneratedDelays(spec);
  int slow = 0, bursts = 0;
  for (int slot = 0; slot < 100; ++slot) {
    bool before = false;
    for (int k = 0; k < 500; ++k) {
      const bool now = delays->Seconds(slot, k, 0) > spec.base_seconds;
      slow += now;
      bursts += now && !before;
      before = now;
    }
  }
  EXPECT_NEAR(static_cast<double>(slow) / bursts, 5.0, 0.5);
}

TEST(GeneratedDelaysTest, DeadSlotsStayDead) {
  GeneratedDelays spec;
  spec.kind = GeneratedDelays::Kind::kFailStop;
  spec.enter = 0.05;
  const auto delays = *MakeGeneratedDelays(spec);
  int dead = 0;
  for (int slot = 0; slot < 200; ++slot) {
    bool before = false;
    for (int k = 0; k < 20; ++k) {
      const bool now = std::isinf(delays->Seconds(slot, k, 0));
      EXPECT_TRUE(now || !before);
      before = now;
    }
    dead += before;
  }
  EXPECT_NEAR(dead / 200.0, 1 - std::pow(0.95, 19), 0.12);
}

TEST(GeneratedDelaysTest, RefusesWhatIsNotLegal) {
  GeneratedDelays spec;
  spec.leave = 0;
  EXPECT_THAT(MakeGeneratedDelays(spec).status().message(), HasSubstr("leave = 0"));
}

TEST(DelayTextTest, ErrorsNameTheTextAndWhatIsLegal) {
  EXPECT_THAT(std::string(ParseDelays("parto:shape=2").status().message()),
              testing::HasSubstr("parto"));
  EXPECT_FALSE(ParseDelays("pareto:shape=-1").ok() &&
               MakeGeneratedDelays(*ParseDelays("pareto:shape=-1")).ok());
}

}  // namespace
}  // namespace gradloom
