#include "coordinator/simulation/simulation_report.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/planning/arrangement.h"
#include "coordinator/simulation/delay_model.h"
#include "coordinator/simulation/simulator.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

Choice Parse(const std::string& scheme, const std::string& fleet) {
  return {*ParseScheme(scheme), *ParseClosing("first_decodable"), *ParseArrangement(fleet)};
}

TEST(SimulationReportTest, TableCsvAndPictureHoldEveryRun) {
  const Choice choice = Parse("gc:s=1", "woven");
  SimulationOptions options;
  options.record_rounds = true;
  const auto delays = MakeGeneratedDelays(*ParseDelays("pareto:shape=2,seed=3"));
  auto result = Simulate(*MakePlan(choice, {8, 2, 6}), **delays, options);
  ASSERT_TRUE(result.ok()) << result.status();
  const double total = result->total_seconds;
  ReportedRun run = ReportSimulation(*std::move(result), 6);
  run.scheme = "gc:s=1";
  EXPECT_EQ(run.rounds, 6);
  EXPECT_DOUBLE_EQ(run.total_seconds, total);
  EXPECT_THAT(ReportTable({run}, total / 2), HasSubstr("2.0"));
  const std::string csv = ReportCsv({run});
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 7);
  EXPECT_THAT(ReportSvg({run}, 8), HasSubstr("</svg>"));
}

TEST(SimulationReportTest, ShowsWhoWasAskedAgain) {
  // Whoever straggled in a round of M-SGC is asked for the same chunk in the next one.
  const Choice choice = Parse("m_sgc:b=1,w=2,lambda=3", "woven");
  SimulationOptions options;
  options.record_rounds = true;
  const auto delays = MakeGeneratedDelays(*ParseDelays("pareto:shape=2,seed=3"));
  const auto plan = [&] { return *MakePlan(choice, {8, 2, 12}); };
  auto result = Simulate(plan(), **delays, options);
  ASSERT_TRUE(result.ok()) << result.status();
  int again = 0;
  for (size_t round = 1; round < result->rounds.size(); ++round) {
    const std::vector<int>& before = result->rounds[round - 1].stragglers;
    for (int slot : result->rounds[round].retries) {
      EXPECT_THAT(before, ::testing::Contains(slot)) << "round " << round;
      ++again;
    }
  }
  EXPECT_GT(again, 0);
  const ReportedRun run = ReportSimulation(*std::move(result), 12);
  EXPECT_EQ(run.retries, again);
  const std::string picture = ReportSvg({run}, 8);
  EXPECT_THAT(picture, HasSubstr(absl::StrCat(again, " <tspan fill='#e6a100'>asked again")));
  EXPECT_THAT(ReportCsv({run}), HasSubstr("retries,retrying_slots"));
}

}  // namespace
}  // namespace gradloom
