#include "coordinator/metrics/run_series.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The series of runs, as "name run/trial value".
std::vector<std::string> SeriesOf(const CoordinatorMetrics& metrics) {
  std::vector<std::string> series;
  for (const prometheus::MetricFamily& family : metrics.registry()->Collect()) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::string run;
      std::string trial;
      for (const auto& label : metric.label) {
        if (label.name == "run") run = label.value;
        if (label.name == "trial") trial = label.value;
      }
      if (!run.empty()) {
        series.push_back(absl::StrCat(family.name, " ", run, "/", trial, " ", metric.gauge.value));
      }
    }
  }
  std::sort(series.begin(), series.end());
  return series;
}

TEST(RunSeriesTest, F13_TheSeriesOfARunEndWithIt) {
  CoordinatorMetrics metrics;
  {
    RunSeries one(metrics, 1);
    RunSeries two(metrics, 2);
    one.SetLoss("a", 0.5);
    one.SetLoss("a", 0.25);
    one.SetLoss("b", 1);
    one.SetAccuracy("a", 0.75);
    two.SetLoss("a", 3);
    EXPECT_THAT(SeriesOf(metrics), ElementsAre("gradloom_coordinator_trial_accuracy 1/a 0.75",
                                               "gradloom_coordinator_trial_loss 1/a 0.25",
                                               "gradloom_coordinator_trial_loss 1/b 1",
                                               "gradloom_coordinator_trial_loss 2/a 3"));
    one.Close();
    EXPECT_THAT(SeriesOf(metrics), ElementsAre("gradloom_coordinator_trial_loss 2/a 3"));
    one.SetLoss("a", 7);  // an effect that ends late
    EXPECT_THAT(SeriesOf(metrics), ElementsAre("gradloom_coordinator_trial_loss 2/a 3"));
  }
  EXPECT_THAT(SeriesOf(metrics), IsEmpty());
}

TEST(RunSeriesTest, F13_AThousandRunsLeaveNothing) {
  CoordinatorMetrics metrics;
  for (uint64_t run = 1; run <= 1000; ++run) {
    RunSeries series(metrics, run);
    series.SetLoss("trial-0", 1);
    series.SetAccuracy("trial-0", 1);
  }
  EXPECT_THAT(SeriesOf(metrics), IsEmpty());
}

// The next life of a run may begin before the last one's objects are gone.
TEST(RunSeriesTest, AFormerLifeThatGoesLateHarmsNoOther) {
  CoordinatorMetrics metrics;
  std::optional<RunSeries> former(std::in_place, metrics, 1);
  former->SetLoss("a", 1);
  RunSeries next(metrics, 1);
  next.SetLoss("a", 2);
  former.reset();
  next.SetLoss("a", 3);
  EXPECT_THAT(SeriesOf(metrics), ElementsAre("gradloom_coordinator_trial_loss 1/a 3"));
}

// Whatever else carries labels has them from a small fixed set.
TEST(RunSeriesTest, NothingElseHasLabels) {
  CoordinatorMetrics metrics;
  for (const prometheus::MetricFamily& family : metrics.registry()->Collect()) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      EXPECT_THAT(metric.label, IsEmpty()) << family.name;
    }
  }
}

}  // namespace
}  // namespace gradloom
