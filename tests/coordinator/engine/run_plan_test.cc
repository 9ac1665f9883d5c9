// From run files to what a core is given.
#include "coordinator/engine/run_plan.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/run_file/run_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradloom {
namespace {

using ::testing::HasSubstr;

using Trials = std::vector<std::unique_ptr<Trial>>;

absl::StatusOr<Trials> TrialsOf(const std::string& yaml) {
  const auto spec = ParseRunFile(yaml, "test.yaml");
  if (!spec.ok()) return spec.status();
  const auto run = ResolveRunSpec(*spec);
  if (!run.ok()) return run.status();
  const auto data = OpenData(run->spec.data(), "");
  if (!data.ok()) return data.status();
  return MakeTrials(run->spec, run->trials, *data);
}

// "jobs: lane-lag lane! ..." a lane, '!': finished.
std::vector<std::string> Texts(const std::vector<LanePlan>& lanes) {
  std::vector<std::string> texts;
  for (const LanePlan& lane : lanes) {
    std::string text = absl::StrCat(lane.jobs - lane.first_job, ":");
    for (const LaneDependency& need : lane.needs) {
      absl::StrAppend(&text, " ", need.lane, need.finished ? "!" : absl::StrCat("-", need.lag));
    }
    texts.push_back(text);
  }
  return texts;
}

constexpr char kGnn[] =
    "data: {train: {block_model: {count: 200}}}\n"
    "training: {jobs: 20}\n";

TEST(RunPlanTest, LayersAreLanesThatNeedWhatTheirMethodSays) {
  const struct {
    const char* method;
    std::vector<std::string> lanes;
  } cases[] = {
      {"sf_top2loss", {"20: 1-1 2-1", "20: 0-1 2-1", "20: 0-1 1-1"}},
      {"sf", {"20:", "20: 0!", "20: 1!"}},
      {"sf_top2input", {"20: 1-0 2-0", "20: 0--1 2--1", "20: 0-0 1-0"}},
      {"backpropagation", {"20:"}},
  };
  for (const auto& each : cases) {
    const auto trials = TrialsOf(absl::StrCat(
        kGnn, "workload: {forward_gnn: {layers: 3, width: 8, method: ", each.method, "}}\n"));
    ASSERT_TRUE(trials.ok()) << trials.status();
    EXPECT_EQ(Texts(PlanLanes(*trials)), each.lanes) << each.method;
    EXPECT_EQ(Texts(PlanChains(*trials)),
              std::vector<std::string>{absl::StrCat(20 * each.lanes.size(), ":")});
    // A core takes them.
    FleetSize size = SizeOf(4, PlanLanes(*trials));
    auto plan = MakePlan({}, size);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_TRUE(CoordinatorCore::Create(*std::move(plan)).ok()) << each.method;
  }
}

TEST(RunPlanTest, TrialsFollowEachOtherAndNeedTheirOwnLanesOnly) {
  const auto trials = TrialsOf(
      absl::StrCat(kGnn, "workload: {forward_gnn: {layers: 2, width: 8, method: sf_top2loss}}\n",
                   "trials: [{name: short, training: {jobs: 5}}, {name: long}]\n"));
  ASSERT_TRUE(trials.ok()) << trials.status();
  EXPECT_EQ(Texts(PlanLanes(*trials)),
            (std::vector<std::string>{"5: 1-1", "5: 0-1", "20: 3-1", "20: 2-1"}));
  EXPECT_EQ(Texts(PlanChains(*trials)), (std::vector<std::string>{"10:", "40:"}));
}

TEST(RunPlanTest, SampledBlocksOfAStepAreLanes) {
  const auto trials = TrialsOf(
      "data: {train: {classification: {count: 120, features: 4}}}\n"
      "workload: {bilevel: {hospitals: {blocks: 4, training_rows: 20, validation_rows: 10},\n"
      "  sampled_blocks: 3, batch: 5}}\n"
      "training: {jobs: 7}\n");
  ASSERT_TRUE(trials.ok()) << trials.status();
  EXPECT_EQ(Texts(PlanLanes(*trials)),
            (std::vector<std::string>{"7: 1-0 2-0", "7: 0-0 2-0", "7: 0-0 1-0"}));
  EXPECT_EQ(Texts(PlanChains(*trials)), std::vector<std::string>{"21:"});
}

TEST(RunPlanTest, BlocksWithAFixedEmbeddingNeedNothing) {
  const auto trials = TrialsOf(
      "data: {train: {glyphs: {count: 100}}}\n"
      "workload: {noprop: {hidden: 8, blocks: 3}}\n"
      "training: {jobs: 4}\n");
  ASSERT_TRUE(trials.ok()) << trials.status();
  EXPECT_EQ(Texts(PlanLanes(*trials)), (std::vector<std::string>{"4:", "4:", "4:"}));
  EXPECT_EQ(Texts(PlanChains(*trials)), std::vector<std::string>{"12:"});
}

TEST(RunPlanTest, TooLargeATrialIsRefused) {
  const auto trials =
      TrialsOf(absl::StrCat(kGnn, "workload: {forward_gnn: {layers: 2, width: 8, method: sf}}\n",
                            "limits: {max_parameters: 10}\n"));
  EXPECT_THAT(trials.status().message(), HasSubstr("limits.max_parameters is 10"));
}

TEST(RunPlanTest, ScheduleKeysBecomeAChoice) {
  const auto spec = ParseRunFile(
      "data: {train: glyphs}\nworkload: softmax_regression\n"
      "scheme: {slots: 8, gc: {s: 3}}\nclosing: {rule: mu, mu: 0.5}\n"
      "fleet: {arrangement: \"split:2\"}\ntrials: [{name: a}, {name: b}]\n",
      "test.yaml");
  ASSERT_TRUE(spec.ok()) << spec.status();
  const auto run = ResolveRunSpec(*spec);
  ASSERT_TRUE(run.ok()) << run.status();
  const auto choice = FixedChoice(run->spec, 8);
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(SchemeText(choice->scheme), "gc:s=3");
  EXPECT_EQ(ClosingText(choice->closing), "mu:0.5");
  EXPECT_EQ(ArrangementText(choice->fleet), "split:2");
}

TEST(RunPlanTest, AutoTakesItsKeysAndNamesTheProbeItCannotRead) {
  v1::AutoScheme spec;
  spec.set_delay_max(2);
  spec.set_copies_max(3);
  spec.set_hysteresis(0.1);
  const auto options = ReadAutoOptions(spec, 8, "");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->search.space.delay_max, 2);
  EXPECT_EQ(options->search.space.copies_max, 3);
  EXPECT_EQ(options->hysteresis, 0.1);
  EXPECT_FALSE(options->known.has_value());
  spec.set_probe("nowhere.csv");
  const auto missing = ReadAutoOptions(spec, 8, "/no/such/folder");
  EXPECT_THAT(missing.status().message(), HasSubstr("scheme.auto.probe"));
  EXPECT_THAT(missing.status().message(), HasSubstr("/no/such/folder/nowhere.csv"));
}

}  // namespace
}  // namespace gradloom
