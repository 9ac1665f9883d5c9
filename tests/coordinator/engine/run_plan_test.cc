// From run files to what a core is given.
#include "coordinator/engine/run_plan.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/run_file/run_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/store/temporary_folder.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using Trials = std::vector<std::unique_ptr<Trial>>;

absl::StatusOr<Trials> TrialsOf(const std::string& yaml, const ServerLimits& limits = {}) {
  const auto spec = ParseRunFile(yaml, "test.yaml");
  if (!spec.ok()) return spec.status();
  const auto run = ResolveRunSpec(*spec);
  if (!run.ok()) return run.status();
  const auto data = OpenData(run->spec.data(), "");
  if (!data.ok()) return data.status();
  return MakeTrials(run->spec, run->trials, *data, limits);
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

// Whatever the run itself allows.
TEST(RunPlanTest, F17_TheServersLimitsHoldOverTheRunsOwn) {
  const std::string run =
      absl::StrCat(kGnn, "workload: {forward_gnn: {layers: 2, width: 8, method: sf}}\n",
                   "limits: {max_parameters: 10000000000000}\n");
  EXPECT_TRUE(TrialsOf(run).ok());
  EXPECT_THAT(TrialsOf(run, {.parameters_max = 10}).status().message(),
              HasSubstr("parameters: this coordinator's limit is 10 (--max-parameters)"));
  EXPECT_THAT(TrialsOf(run, {.memory_max = 1000}).status().message(),
              AllOf(HasSubstr("trial trial-0: "), HasSubstr("(--max-memory)")));
  EXPECT_TRUE(TrialsOf(run, {.memory_max = 1'000'000}).ok());
}

// Each would take all the memory of any machine; none takes any.
TEST(RunPlanTest, F17_WhatCannotFitIsRefusedBeforeItIsTaken) {
  const ServerLimits limits = {.memory_max = uint64_t{1} << 30};
  const std::string glyphs = "data: {train: {glyphs: {count: 100}}}\n";
  const std::string clusters = "data: {train: {classification: {count: 1000000000000}}}\n";
  const struct {
    std::string yaml;
    const char* says;
  } cases[] = {
      {glyphs + "workload: {mlp: {hidden: [1000000]}}\nlimits: {max_parameters: 10000000000}\n",
       "--max-memory"},
      {glyphs + "workload: {mlp: {hidden: [16777216, 16777216]}}\n",
       "limits.max_parameters is 2147483648"},
      // A model that fits, whose evaluation does not.
      {clusters + "workload: {mlp: {hidden: [16777216]}}\noptimizer: sgd\n", "--max-memory"},
      {glyphs + "workload: {cnn: [{conv: {channels: 16777216, kernel: 25}}]}\n", "its outputs are"},
      {glyphs + "workload: {cnn: [{conv: {channels: 1, kernel: 1024, padding: 1023}}]}\n",
       "its windows are"},
      {glyphs + "workload: {cnn: [{conv: {channels: 1, kernel: 1000000}}]}\n", "1 to 1024"},
      {"data: {train: {glyphs: {count: 100}}, test: {glyphs: {count: 1000000000000}}}\n"
       "workload: softmax_regression\n",
       "--max-memory"},
      {clusters + "workload: {bilevel: {hospitals: {blocks: 1000, training_rows: 1000000, "
                  "validation_rows: 1000000}}}\n",
       "its blocks have 2000000000 rows; legal are up to"},
      {"data: {train: {classification: {count: 1000000000000, features: 100000}}}\n"
       "workload: {bilevel: {hospitals: {blocks: 10, training_rows: 1000, validation_rows: "
       "1000}}}\n",
       "--max-memory"},
      {clusters + "workload: {bilevel: {hospitals: {blocks: 1000000, training_rows: 10, "
                  "validation_rows: 10}, sampled_blocks: 1000000}}\n",
       "sampled_blocks: 1000000 is not legal; it must be from 1 to 4096"},
      {clusters + "workload: {bilevel: {quadratic: {blocks: 1000, block_size: 200, shared_size: "
                  "200, samples: 10000}}}\n",
       "quadratic.samples: 10000 is not legal"},
  };
  for (const auto& each : cases) {
    const auto trials = TrialsOf(each.yaml + "training: {batch_size: 10, jobs: 1}\n", limits);
    EXPECT_EQ(trials.status().code(), absl::StatusCode::kInvalidArgument) << each.yaml;
    EXPECT_THAT(trials.status().message(), HasSubstr(each.says)) << each.yaml;
  }
  // Several that fit one by one.
  const auto many =
      TrialsOf(glyphs + "workload: {mlp: {hidden: [60000]}}\ntrials: [{}, {}]\n", limits);
  EXPECT_THAT(many.status().message(),
              AllOf(HasSubstr("trial trial-1: "), HasSubstr("--max-memory")));
}

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

// Calls `visit` with every copy of `spec` in which one number below `message` is `value`.
void EachNumber(const v1::RunSpec& spec, const std::vector<const FieldDescriptor*>& path,
                const google::protobuf::Descriptor* type, uint32_t value,
                const std::function<void(const v1::RunSpec&)>& visit) {
  for (int i = 0; i < type->field_count(); ++i) {
    std::vector<const FieldDescriptor*> longer = path;
    longer.push_back(type->field(i));
    if (type->field(i)->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      EachNumber(spec, longer, type->field(i)->message_type(), value, visit);
      continue;
    }
    if (type->field(i)->cpp_type() != FieldDescriptor::CPPTYPE_UINT32) continue;
    v1::RunSpec copy = spec;
    Message* message = copy.mutable_workload();
    for (const FieldDescriptor* field : longer) {
      const auto* reflection = message->GetReflection();
      if (field == longer.back()) {
        field->is_repeated() ? reflection->AddUInt32(message, field, value)
                             : reflection->SetUInt32(message, field, value);
      } else {
        message = field->is_repeated() ? reflection->AddMessage(message, field)
                                       : reflection->MutableMessage(message, field);
      }
    }
    visit(copy);
  }
}

// Every size of every model, as large as it may be sent.
TEST(RunPlanTest, F17_TheLargestModelsHarmNobody) {
  int runs = 0;
  for (const char* data : {"glyphs: {count: 100}", "classification: {count: 1000, features: 4}",
                           "block_model: {count: 60}"}) {
    const auto base = ParseRunFile(
        absl::StrCat("data: {train: {", data, "}}\n", "training: {batch_size: 10, jobs: 1}\n"),
        "test.yaml");
    ASSERT_TRUE(base.ok()) << base.status();
    const auto opened = OpenData(base->data(), "");
    ASSERT_TRUE(opened.ok()) << opened.status();
    for (const uint32_t value : {1u << 16, 1u << 24, 0x7fffffffu}) {
      EachNumber(*base, {}, v1::WorkloadSpec::descriptor(), value, [&](const v1::RunSpec& spec) {
        const auto run = ResolveRunSpec(spec);
        if (!run.ok()) return;
        ++runs;
        const auto trials =
            MakeTrials(run->spec, run->trials, *opened, {.memory_max = uint64_t{64} << 20});
        if (trials.ok()) return;
        EXPECT_EQ(trials.status().code(), absl::StatusCode::kInvalidArgument) << trials.status();
      });
    }
  }
  EXPECT_GT(runs, 30);
}

TEST(RunPlanTest, F07_LanesOfTrialsHaveNamesOfTheirOwn) {
  const auto trials = TrialsOf(
      absl::StrCat(kGnn, "workload: {forward_gnn: {layers: 2, width: 8, method: sf}}\n",
                   "trials: [{name: a}, {name: a/layer-1, workload: {forward_gnn: {layers: 1, "
                   "width: 8, method: backpropagation}}}]\n"));
  EXPECT_THAT(trials.status().message(),
              AllOf(HasSubstr("trial a/layer-1: name: "), HasSubstr("'a/layer-1'")));
}

// Workers and the schedule open them, once the run is under way.
TEST(RunPlanTest, F28_EveryFileThatARunNamesIsOpenedAtItsStart) {
  const TemporaryFolder folder;
  const std::string base =
      "data: {train: {glyphs: {count: 100}}}\nworkload: softmax_regression\n"
      "training: {batch_size: 10, jobs: 1}\n";
  const auto open = [&](const std::string& more) {
    const auto spec = ParseRunFile(base + more, "test.yaml");
    EXPECT_TRUE(spec.ok()) << spec.status();
    const auto run = ResolveRunSpec(*spec);
    EXPECT_TRUE(run.ok()) << run.status();
    return OpenInputs(run->spec, run->trials, folder.path(), {}).status();
  };
  EXPECT_TRUE(open("").ok()) << open("");
  const std::string trace = "straggle: {trace: delays.csv}\n";
  EXPECT_THAT(open(trace).message(),
              AllOf(HasSubstr("straggle.trace.file"), HasSubstr(folder / "delays.csv"),
                    HasSubstr("cannot be opened")));
  std::ofstream(folder / "delays.csv") << "0.1,x\n";
  EXPECT_THAT(open(trace).message(), HasSubstr("line 1, column 2: 'x' is not a number"));
  std::ofstream(folder / "delays.csv") << "0.1,0.2\n";
  EXPECT_TRUE(open(trace).ok()) << open(trace);
  std::filesystem::create_directory(folder / "folder");
  EXPECT_THAT(open("straggle: {trace: folder}\n").message(),
              HasSubstr("is a folder; legal: a regular file"));
  for (const std::string slots : {"", ", slots: 4"}) {
    EXPECT_THAT(open("scheme: {auto: {probe: none.csv}" + slots + "}\n").message(),
                AllOf(HasSubstr("scheme.auto.probe"), HasSubstr("none.csv")));
    EXPECT_THAT(open("scheme: {auto: {replay: none.json}" + slots + "}\n").message(),
                AllOf(HasSubstr("scheme.auto.replay"), HasSubstr("none.json")));
  }
  std::ofstream(folder / "empty.json") << "{}\n";
  EXPECT_THAT(open("scheme: {auto: {replay: empty.json}}\n").message(), HasSubstr("no decisions"));
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
