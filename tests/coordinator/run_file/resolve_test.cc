// Defaults, trials and what is refused before any data is opened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/run_file/proto_to_yaml.h"
#include "coordinator/run_file/run_file.h"
#include "coordinator/run_file/specs.h"
#include "google/protobuf/util/message_differencer.h"
#include "models/data/rows.h"

namespace gradloom {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kBase[] = "data: {train: glyphs}\nworkload: {mlp: {hidden: [8], dropout: 0.5}}\n";

v1::RunSpec Parse(const std::string& yaml) {
  absl::StatusOr<v1::RunSpec> spec = ParseRunFile(yaml, "folder/my run.yaml");
  EXPECT_TRUE(spec.ok()) << spec.status();
  return spec.value_or(v1::RunSpec());
}

ResolvedRun Resolve(const std::string& yaml) {
  absl::StatusOr<ResolvedRun> run = ResolveRunSpec(Parse(yaml));
  EXPECT_TRUE(run.ok()) << run.status();
  return run.value_or(ResolvedRun());
}

std::string ErrorOf(const std::string& yaml) {
  absl::StatusOr<ResolvedRun> run = ResolveRunSpec(Parse(yaml));
  EXPECT_FALSE(run.ok());
  return std::string(run.status().message());
}

TEST(Resolve, BilevelDefaultsAndErrors) {
  const std::string data = "data: {train: classification}\n";
  const std::string blocks = "blocks: 12, training_rows: 20, validation_rows: 10";
  const ResolvedRun run =
      Resolve(data + "workload: {bilevel: {hospitals: {" + blocks + "}, tau: 0.2}}\n");
  const v1::Bilevel& spec = run.trials.at(0).workload().bilevel();
  EXPECT_EQ(spec.version(), v1::Bilevel::V2);
  EXPECT_EQ(spec.estimator(), v1::Bilevel::MSVR);
  EXPECT_EQ(spec.sampled_blocks(), 3);
  EXPECT_EQ(spec.batch(), 20);
  EXPECT_EQ(spec.validation_batch(), 10);
  EXPECT_EQ(spec.tau_v(), 0.2);
  EXPECT_FALSE(spec.has_gamma());
  EXPECT_EQ(spec.hospitals().flips_size(), 4);
  // What is resolved resolves to itself.
  EXPECT_TRUE(MessageDifferencer::Equals(ResolveRunSpec(run.spec)->spec, run.spec));
  EXPECT_THAT(
      ErrorOf(data + "workload: {bilevel: {hospitals: {blocks: 12}}}\n"),
      HasSubstr("workload.bilevel.hospitals.training_rows: 0 is not legal; it must be from 1 to"));
  EXPECT_THAT(
      ErrorOf(data + "workload: {bilevel: {hospitals: {" + blocks + "}, sampled_blocks: 13}}\n"),
      HasSubstr("workload.bilevel.sampled_blocks: 13 is not legal; it must be from 1 to 12"));
  EXPECT_THAT(ErrorOf(data + "workload: {bilevel: {personal_heads: {" + blocks +
                      ", hidden: 300}, version: v1}}\n"),
              HasSubstr("version: v1 is not legal; it must be v2 for blocks of 300 variables"));
}

TEST(Resolve, WritesDefaultsAsValues) {
  const ResolvedRun run = Resolve(kBase);
  const v1::RunSpec& spec = run.spec;
  EXPECT_EQ(spec.name(), "my-run");
  EXPECT_EQ(spec.seed(), 1);
  EXPECT_EQ(spec.data().train().glyphs().count(), 60'000);
  EXPECT_EQ(spec.workload().mlp().activation(), v1::RELU);
  EXPECT_FALSE(spec.scheme().has_slots());
  EXPECT_EQ(spec.closing().rule(), v1::ClosingSpec::FIRST_DECODABLE);
  EXPECT_EQ(spec.fleet().rejoin_grace().seconds(), 2);
  EXPECT_EQ(spec.wire().frame_bytes(), 262'144);
  EXPECT_EQ(spec.checkpoint().every().seconds(), 30);
  EXPECT_FALSE(spec.has_straggle());
  EXPECT_EQ(spec.limits().max_parameters(), uint64_t{1} << 31);
  ASSERT_EQ(run.trials.size(), 1);
  const v1::TrialSpec& trial = run.trials[0];
  EXPECT_EQ(trial.name(), "trial-0");
  EXPECT_EQ(trial.seed(), 1);
  EXPECT_EQ(trial.optimizer().kind(), v1::OptimizerSpec::ADAM);
  EXPECT_EQ(trial.optimizer().learning_rate(), 1e-3);
  EXPECT_EQ(trial.training().batch_size(), 600);
  EXPECT_EQ(trial.training().epochs(), 5);
  EXPECT_FALSE(trial.training().has_jobs());
}

TEST(Resolve, DefaultsFollowTheKind) {
  EXPECT_EQ(
      Resolve(absl::StrCat(kBase, "optimizer: momentum")).trials[0].optimizer().learning_rate(),
      1e-2);
  EXPECT_EQ(Resolve(absl::StrCat(kBase, "optimizer: rmsprop")).trials[0].optimizer().beta2(), 0.99);
  EXPECT_EQ(Resolve(absl::StrCat(kBase, "optimizer: adamw")).trials[0].optimizer().weight_decay(),
            0.01);
}

TEST(Resolve, ForwardGnnOnAGraph) {
  const std::string graph = R"(
data: {train: {block_model: {count: 500}}}
workload: {forward_gnn: {layers: 4, method: sf_top2loss}}
)";
  const ResolvedRun run = Resolve(graph);
  const v1::BlockModelSource& blocks = run.spec.data().train().block_model();
  EXPECT_EQ(blocks.count(), 500);
  EXPECT_EQ(blocks.classes(), 4);
  EXPECT_EQ(blocks.homophily(), 0.75);
  const v1::ForwardGnn& gnn = run.trials[0].workload().forward_gnn();
  EXPECT_EQ(gnn.layers(), 4);
  EXPECT_EQ(gnn.width(), 128);
  EXPECT_EQ(gnn.convolution(), v1::ForwardGnn::GCN);
  EXPECT_FALSE(gnn.has_heads());
  EXPECT_EQ(gnn.task(), v1::ForwardGnn::NODE_CLASSIFICATION);
  EXPECT_EQ(gnn.method(), v1::ForwardGnn::SF_TOP2LOSS);
  EXPECT_EQ(gnn.threshold(), 2);
  EXPECT_EQ(run.trials[0].training().batch_size(), 0) << "full batches";
  EXPECT_EQ(
      Resolve(absl::StrCat(graph, "training: {batch_size: 64}")).trials[0].training().batch_size(),
      64);
  const ResolvedRun gat = Resolve(R"(
data: {train: {graph_csv: {edges: e.csv, nodes: {file: n.csv}}}}
workload: {forward_gnn: {convolution: gat, task: link_prediction}}
)");
  EXPECT_EQ(gat.trials[0].workload().forward_gnn().heads(), 4);
  EXPECT_EQ(gat.spec.data().train().graph_csv().nodes().delimiter(), ",");
}

TEST(Resolve, ForwardGnnOutOfRange) {
  const auto error = [](const char* data, const char* gnn) {
    return ErrorOf(
        absl::StrCat("data: {train: {", data, "}}\nworkload: {forward_gnn: {", gnn, "}}"));
  };
  EXPECT_THAT(error("block_model: {}", "layers: 0"),
              HasSubstr("workload.forward_gnn.layers: 0 is not legal; it must be from 1 to 64"));
  EXPECT_THAT(error("block_model: {}", "convolution: gat, heads: 3"),
              HasSubstr("heads: 3 is not legal; it must be a divisor of width = 128"));
  EXPECT_THAT(error("block_model: {}", "temperature: 0"), HasSubstr("temperature: 0 is not legal"));
  EXPECT_THAT(error("block_model: {classes: 1}", ""),
              HasSubstr("data.train.block_model.classes: 1 is not legal"));
  EXPECT_THAT(error("block_model: {homophily: 1.5}", ""),
              HasSubstr("block_model.homophily: 1.5 is not legal; it must be from 0 to 1"));
  EXPECT_THAT(error("graph_npz: {}", ""), HasSubstr("data.train.graph_npz.file: is missing"));
  EXPECT_THAT(error("graph_csv: {edges: e}", ""),
              HasSubstr("data.train.graph_csv.nodes.file: is missing"));
}

TEST(Resolve, F08_ATabIsADelimiterInEveryQuoting) {
  for (const char* tab : {"\\t", "'\\t'", "\"\\t\"", "tab"}) {
    const auto delimiter = [&](const std::string& data) {
      const ResolvedRun run = Resolve(absl::StrCat("data: {train: {", data, "}}\nworkload: mlp\n"));
      const v1::DataSource& source = run.spec.data().train();
      return ParseDelimiter(
          (source.has_csv() ? source.csv() : source.graph_csv().nodes()).delimiter());
    };
    EXPECT_EQ(delimiter(absl::StrCat("csv: {file: a, delimiter: ", tab, "}")), '\t') << tab;
    EXPECT_EQ(
        delimiter(absl::StrCat("graph_csv: {edges: e, nodes: {file: n, delimiter: ", tab, "}}")),
        '\t')
        << tab;
  }
  const auto error = [](const std::string& data) {
    return ErrorOf(absl::StrCat("data: {train: {", data, "}}\nworkload: mlp\n"));
  };
  EXPECT_THAT(
      error("csv: {file: a, delimiter: '::'}"),
      HasSubstr("data.train.csv.delimiter: '::' is not legal; it must be one character "
                "that is no letter, digit, sign, point, quote or line end; \\t or tab for"));
  EXPECT_THAT(error("graph_csv: {edges: e, nodes: {file: n, delimiter: x}}"),
              HasSubstr("data.train.graph_csv.nodes.delimiter: 'x' is not legal"));
}

TEST(Resolve, NoPropDefaultsAreThoseThatItsVariantUses) {
  const auto noprop = [](const std::string& fields) {
    return Resolve(absl::StrCat("data: {train: glyphs}\nworkload: {noprop: {", fields, "}}"))
        .trials[0]
        .workload()
        .noprop();
  };
  const v1::NoProp dt = noprop("");
  EXPECT_EQ(dt.variant(), v1::NoProp::DT);
  EXPECT_EQ(dt.embedding(), v1::NoProp::ONE_HOT);
  EXPECT_EQ(dt.block(), v1::NoProp::MLP);
  EXPECT_EQ(dt.hidden(), 128);
  EXPECT_EQ(dt.blocks(), 10);
  EXPECT_FALSE(dt.has_inference_steps() || dt.has_dimension() || dt.has_eta() || dt.has_dropout());
  const v1::NoProp learned = noprop("embedding: learned, block: convolutional");
  EXPECT_EQ(learned.dimension(), 20);
  EXPECT_EQ(learned.eta(), 0.1);
  EXPECT_EQ(learned.hidden(), 256);
  EXPECT_THAT(learned.channels(), testing::ElementsAre(32, 64, 128));
  EXPECT_EQ(learned.dropout(), 0.2);
  const v1::NoProp ct = noprop("variant: ct");
  EXPECT_EQ(ct.eta(), 1);
  EXPECT_EQ(ct.weight_limit(), 5);
  EXPECT_EQ(ct.inference_steps(), 40);
  EXPECT_TRUE(ct.has_learned_schedule());
  EXPECT_FALSE(noprop("variant: fm").has_eta());
}

TEST(Resolve, ForwardForwardHasItsDefaults) {
  const auto run = Resolve("data: {train: glyphs}\nworkload: {forward_forward: {hidden: [8]}}");
  EXPECT_EQ(run.trials[0].workload().forward_forward().threshold(), 2);
  EXPECT_EQ(run.trials[0].workload().forward_forward().schedule(),
            v1::ForwardForward::SIMULTANEOUS);
}

TEST(Resolve, RefusesLayerLocalSettingsThatWouldDoNothingOrAreOutOfRange) {
  const auto error = [](const std::string& workload) {
    return ErrorOf(absl::StrCat("data: {train: glyphs}\nworkload: {", workload, "}"));
  };
  EXPECT_THAT(error("noprop: {variant: ct, blocks: 3}"),
              HasSubstr("workload.noprop.blocks: does nothing here; only variant dt has it"));
  EXPECT_THAT(error("noprop: {inference_steps: 3}"),
              HasSubstr("noprop.inference_steps: does noth"));
  EXPECT_THAT(error("noprop: {dimension: 3}"), HasSubstr("noprop.dimension: does nothing here"));
  EXPECT_THAT(error("noprop: {eta: 3}"),
              HasSubstr("noprop.eta: does nothing here; only variant ct"));
  EXPECT_THAT(error("noprop: {variant: fm, weight_limit: 3}"),
              HasSubstr("noprop.weight_limit: does"));
  EXPECT_THAT(error("noprop: {learned_schedule: true}"),
              HasSubstr("noprop.learned_schedule: does"));
  EXPECT_THAT(error("noprop: {channels: [3]}"), HasSubstr("noprop.channels: does nothing here"));
  EXPECT_THAT(error("noprop: {dropout: 0.5}"), HasSubstr("noprop.dropout: does nothing here"));
  EXPECT_THAT(error("noprop: {blocks: 0}"), HasSubstr("noprop.blocks: 0 is not legal"));
  EXPECT_THAT(error("noprop: {hidden: 0}"), HasSubstr("noprop.hidden: 0 is not legal"));
  EXPECT_THAT(error("noprop: {variant: ct, eta: 0}"), HasSubstr("noprop.eta: 0 is not legal"));
  EXPECT_THAT(error("noprop: {variant: ct, weight_limit: -1}"),
              HasSubstr("weight_limit: -1 is not"));
  EXPECT_THAT(error("noprop: {embedding: learned, dimension: 0}"),
              HasSubstr("dimension: 0 is not"));
  EXPECT_THAT(error("noprop: {block: convolutional, channels: [3, 0]}"),
              HasSubstr("noprop.channels[1]: 0 is not legal"));
  EXPECT_THAT(error("noprop: {block: convolutional, dropout: 1}"),
              HasSubstr("noprop.dropout: 1 is not legal"));
  EXPECT_THAT(error("forward_forward: {}"), HasSubstr("forward_forward.hidden: is empty"));
  EXPECT_THAT(error("forward_forward: {hidden: [3, 0]}"), HasSubstr("hidden[1]: 0 is not legal"));
  EXPECT_THAT(error("forward_forward: {hidden: [3], threshold: 0}"),
              HasSubstr("forward_forward.threshold: 0 is not legal"));
}

TEST(Resolve, TrialsOverrideKeyByKeyAndReplaceWhatIsDeeper) {
  const ResolvedRun run = Resolve(absl::StrCat(kBase, R"(
seed: 10
optimizer: {kind: nesterov, momentum: 0.5, schedule: {kind: step, every: 5, warmup_jobs: 7}}
training: {epochs: 3, batch_size: 50}
trials:
- {}
- {name: other, optimizer: {learning_rate: 0.5, schedule: constant}, training: {jobs: 9}, seed: 3}
- {workload: {mlp: {hidden: [4, 4]}}, optimizer: adamw}
)"));
  ASSERT_EQ(run.trials.size(), 3);
  EXPECT_EQ(run.trials[0].name(), "trial-0");
  EXPECT_EQ(run.trials[0].seed(), 10);
  EXPECT_EQ(run.trials[0].optimizer().schedule().every(), 5);
  const v1::TrialSpec& other = run.trials[1];
  EXPECT_EQ(other.name(), "other");
  EXPECT_EQ(other.seed(), 3);
  EXPECT_EQ(other.optimizer().kind(), v1::OptimizerSpec::NESTEROV);
  EXPECT_EQ(other.optimizer().momentum(), 0.5);
  EXPECT_EQ(other.optimizer().learning_rate(), 0.5);
  EXPECT_EQ(other.optimizer().schedule().warmup_jobs(), 0);
  EXPECT_EQ(other.training().jobs(), 9);
  EXPECT_FALSE(other.training().has_epochs());
  EXPECT_EQ(other.training().batch_size(), 50);
  const v1::TrialSpec& third = run.trials[2];
  EXPECT_EQ(third.seed(), 12);
  EXPECT_THAT(third.workload().mlp().hidden(), testing::ElementsAre(4, 4));
  EXPECT_EQ(third.workload().mlp().dropout(), 0);
  EXPECT_EQ(third.optimizer().learning_rate(), 1e-3);
  EXPECT_EQ(third.optimizer().weight_decay(), 0.01);
}

TEST(Resolve, SweepIsTheProductInSortedOrder) {
  const ResolvedRun run = Resolve(absl::StrCat(
      kBase,
      "sweep: {grid: {workload.mlp.dropout: [0, 0.2], optimizer.learning_rate: [0.1, 0.01], "
      "training.jobs: [4]}}"));
  ASSERT_EQ(run.trials.size(), 4);
  EXPECT_EQ(run.trials[0].name(),
            "optimizer.learning_rate=0.1,training.jobs=4,workload.mlp.dropout=0");
  EXPECT_EQ(run.trials[1].name(),
            "optimizer.learning_rate=0.1,training.jobs=4,workload.mlp.dropout=0.2");
  EXPECT_EQ(run.trials[2].optimizer().learning_rate(), 0.01);
  EXPECT_EQ(run.trials[0].workload().mlp().dropout(), 0);
  EXPECT_THAT(run.trials[3].workload().mlp().hidden(), testing::ElementsAre(8));
  EXPECT_EQ(run.trials[3].seed(), 4);
  EXPECT_EQ(run.trials[3].training().jobs(), 4);
  EXPECT_FALSE(run.trials[3].training().has_epochs());
  EXPECT_FALSE(run.spec.has_sweep());
}

TEST(Resolve, IsIdempotentAndPrintsToTheSame) {
  for (const char* more :
       {"",
        "sweep: {grid: {workload.mlp.dropout: [0, 0.2], optimizer.kind: [sgd, adamw], "
        "workload.mlp.hidden: [[], [4]], optimizer.schedule.warmup_jobs: [0, 5]}}\n"
        "optimizer: {schedule: {kind: step, every: 3, warmup_jobs: 2}}",
        "trials: [{training: {jobs: 3}}, {optimizer: adagrad}]\ntraining: {target_accuracy: 0.5}",
        "straggle: {pareto: {scale: 10ms}}\nseed: 7\nscheme: {gc: {s: 1}, slots: 4}"}) {
    const ResolvedRun once = Resolve(absl::StrCat(kBase, more));
    absl::StatusOr<ResolvedRun> twice = ResolveRunSpec(once.spec);
    ASSERT_TRUE(twice.ok()) << twice.status();
    EXPECT_TRUE(MessageDifferencer::Equals(once.spec, twice->spec)) << more;
    const v1::RunSpec printed = Parse(ToYaml(once.spec));
    EXPECT_TRUE(MessageDifferencer::Equals(once.spec, printed)) << ToYaml(once.spec);
  }
}

TEST(Resolve, NamesWhatIsMissing) {
  EXPECT_THAT(ErrorOf("{}"),
              AllOf(HasSubstr("data.train: is missing; it must be one of: idx, cifar10"),
                    HasSubstr("workload: is missing; it must be one of: linear_regression")));
  EXPECT_THAT(ErrorOf("data: {train: idx}\nworkload: softmax_regression"),
              AllOf(HasSubstr("data.train.idx.images: is missing"),
                    HasSubstr("data.train.idx.labels: is missing")));
}

TEST(Resolve, RefusesWhatIsOutOfRange) {
  const auto error = [](const char* more) { return ErrorOf(absl::StrCat(kBase, more)); };
  EXPECT_THAT(error("optimizer: {beta1: 1}"),
              HasSubstr("optimizer.beta1: 1 is not legal; it must be 0 or more and less than 1"));
  EXPECT_THAT(
      error("optimizer: {kind: sgd, momentum: 0.5}"),
      HasSubstr(
          "optimizer.momentum: 0.5 is given, but sgd does not use it, only momentum, nesterov"));
  EXPECT_THAT(error("optimizer: {schedule: {warmup_jobs: 9}}\ntraining: {jobs: 8}"),
              HasSubstr("warmup_jobs: 9 is not legal; it must be at most the training's 8 jobs"));
  EXPECT_THAT(error("training: {epochs: 2, jobs: 3}"),
              HasSubstr("training: epochs (2) and jobs (3) exclude each other"));
  EXPECT_THAT(error("training: {jobs: 0}"), HasSubstr("training.jobs: 0 is not legal"));
  EXPECT_THAT(error("scheme: {gc: {s: 6}, slots: 6}"),
              HasSubstr("scheme.gc.s: 6 is not legal; it must be less than slots = 6"));
  EXPECT_THAT(
      error("scheme: {multi_message: {reach: 7}, slots: 6}"),
      HasSubstr("scheme.multi_message.reach: 7 is not legal; it must be at most slots = 6"));
  EXPECT_THAT(error("scheme: {multi_message: {reach: 0}}"),
              HasSubstr("scheme.multi_message.reach: 0 is not legal; it must be 1 or more"));
  EXPECT_THAT(error("scheme: {m_sgc: {b: 1, w: 2, lambda: 3}}"),
              HasSubstr("m_sgc(b=1,w=2,lambda=3): delay T = 1 needs at least 2 trials, the run "
                        "has 1"));
  EXPECT_THAT(error("scheme: {sr_sgc: {b: 2, w: 4, lambda: 1}}\ntrials: [{}, {}, {}]"),
              HasSubstr("scheme.sr_sgc.w: 4 is not legal; it must be 1 more than a multiple of b"));
  EXPECT_THAT(error("scheme: {m_sgc: {b: 2, w: 2, lambda: 1}}\ntrials: [{}, {}, {}]"),
              HasSubstr("scheme.m_sgc.w: 2 is not legal; it must be more than b = 2"));
  EXPECT_THAT(error("wire: {replies: bf16}\nscheme: {gc: {s: 1, code: cyclic}}"),
              AllOf(HasSubstr("wire.replies: bf16 is not legal; it must be fp32"),
                    HasSubstr("scheme.gc.code cyclic")));
  EXPECT_THAT(error("wire: {parameters: fp16}"), HasSubstr("fp32, bf16"));
  EXPECT_THAT(error("wire: {frame_bytes: 1001}"), HasSubstr("a multiple of 4"));
  EXPECT_THAT(error("trials: [{name: a}, {name: a}]"),
              HasSubstr("trials[1] (a): name: 'a' is taken"));
  EXPECT_THAT(
      error("trials: [{}, {optimizer: {learning_rate: 0}}]"),
      HasSubstr(
          "trials[1] (trial-1): optimizer.learning_rate: 0 is not legal; it must be more than 0"));
  EXPECT_THAT(error("trials: [{}]\nsweep: {grid: {seed: [1]}}"), HasSubstr("exclude each other"));
  EXPECT_THAT(error("sweep: {grid: {optimizer.rate: [1]}}"),
              HasSubstr("sweep.grid[optimizer.rate]: optimizer.rate: unknown key"));
  EXPECT_THAT(error("sweep: {grid: {}}"), HasSubstr("sweep.grid: is empty"));
  EXPECT_THAT(error("optimizer: {schedule: step}"), HasSubstr("optimizer.schedule.every"));
  EXPECT_THAT(error("straggle: {exponential: {}}"), HasSubstr("straggle.exponential.mean"));
  EXPECT_THAT(error("scheme: {slots: 2}\nstraggle: {fixed: {delay: 1}, slots: [2]}"),
              HasSubstr("straggle.slots[0]: 2 is not legal; it must be less than"));
  EXPECT_THAT(ErrorOf("data: {train: glyphs, test: glyphs, holdout: 5}\nworkload: {mlp: {}}"),
              HasSubstr("test and holdout (5) exclude each other"));
}

// Names are for people: what files are called is not their business.
TEST(Resolve, F07_NamesMayBeAnythingThatCanBeShown) {
  const ResolvedRun run = Resolve(absl::StrCat(
      kBase,
      "name: 'exp: 1/2'\ntrials: [{name: a b}, {name: a_b}, {name: ../x}, {name: 'é: 日本'}, "
      "{name: .hidden}, {name: ",
      std::string(300, 'n'), "}]"));
  EXPECT_EQ(run.spec.name(), "exp: 1/2");
  EXPECT_EQ(run.trials[2].name(), "../x");
  EXPECT_EQ(run.trials[5].name(), std::string(300, 'n'));
  const auto error = [](const std::string& more) { return ErrorOf(absl::StrCat(kBase, more)); };
  EXPECT_THAT(error("name: \"a\\nb\""),
              HasSubstr("name: 'a\\nb' is not legal; it must be UTF-8 without control characters"));
  EXPECT_THAT(error("trials: [{}, {name: \"\\e[31mred\"}]"),
              HasSubstr("trials[1].name: '\\x1b[31mred' is not legal"));
  EXPECT_THAT(error(absl::StrCat("name: ", std::string(201, 'x'))),
              AllOf(HasSubstr("(201 bytes)"), HasSubstr("it must be 1 to 200 bytes")));
  EXPECT_THAT(error(absl::StrCat("trials: [{name: ", std::string(1001, 'x'), "}]")),
              HasSubstr("it must be 1 to 1000 bytes"));
}

TEST(Resolve, F07_SweepsOfManyKeysHaveReadableNames) {
  const std::string nine = R"(
optimizer: {kind: adamw}
training: {jobs: 4}
sweep:
  grid:
    optimizer.learning_rate: [0.001, 0.0005]
    optimizer.weight_decay: [0.01]
    optimizer.beta1: [0.9, 0.95]
    optimizer.beta2: [0.999]
    optimizer.epsilon: [1e-08]
    optimizer.schedule.kind: [cosine]
    optimizer.schedule.warmup_jobs: [2]
    training.batch_size: [64, 128]
    workload.mlp.hidden: [[64], [64, 64]]
)";
  const ResolvedRun run = Resolve(absl::StrCat(kBase, nine));
  ASSERT_EQ(run.trials.size(), 16);
  EXPECT_EQ(run.trials[1].name(),
            "optimizer.beta1=0.9,optimizer.beta2=0.999,optimizer.epsilon=1e-08,"
            "optimizer.learning_rate=0.001,optimizer.schedule.kind=cosine,"
            "optimizer.schedule.warmup_jobs=2,optimizer.weight_decay=0.01,training.batch_size=64,"
            "workload.mlp.hidden=[64,64]");
}

TEST(Resolve, F07_SweptNamesAreUniqueAndHaveALimit) {
  // What is left out of a name must not make two of them one.
  const ResolvedRun files = Resolve(
      absl::StrCat(kBase, "sweep: {grid: {start_from: [a b.st, ab.st, \"{file: 'c:/d.st'}\"]}}"));
  EXPECT_EQ(files.trials[0].name(), "start_from=ab.st");
  EXPECT_EQ(files.trials[1].name(), "start_from=ab.st#1");
  EXPECT_EQ(files.trials[2].name(), "start_from={file:'c:/d.st'}");
  EXPECT_EQ(files.trials[0].start_from().file(), "a b.st");
  EXPECT_EQ(files.trials[2].start_from().file(), "c:/d.st");
  std::string list = "[8";
  for (int i = 0; i < 400; ++i) absl::StrAppend(&list, ", 16");
  const ResolvedRun wide = Resolve(
      absl::StrCat(kBase, "sweep: {grid: {workload.mlp.hidden: [", list, "], ", list, ", 8]]}}"));
  ASSERT_EQ(wide.trials.size(), 2);
  for (int i : {0, 1}) {
    EXPECT_EQ(wide.trials[i].name().size(), 1000);
    EXPECT_THAT(wide.trials[i].name(), testing::EndsWith(absl::StrCat(",16#", i).substr(3)));
  }
  EXPECT_THAT(ErrorOf(absl::StrCat(kBase, "sweep: {grid: {seed: [1, 2, 1]}}")),
              HasSubstr("sweep.grid[seed]: lists '1' twice"));
}

TEST(Resolve, RepliesOf16BitsNeedUnitWeights) {
  Resolve(absl::StrCat(kBase, "wire: {replies: bf16}\nscheme: {gc: {s: 1}}"));
  Resolve(absl::StrCat(kBase, "wire: {replies: fp16}"));
}

TEST(Overrides, JobsAndEpochsReplaceEachOther) {
  v1::RunSpec spec = Parse(absl::StrCat(kBase, "training: {epochs: 2}"));
  ASSERT_TRUE(ApplyOverride("training.jobs=7", &spec).ok());
  EXPECT_FALSE(spec.training().has_epochs());
  ASSERT_TRUE(ApplyOverride("training.epochs=0.5", &spec).ok());
  EXPECT_FALSE(spec.training().has_jobs());
  EXPECT_FALSE(ApplyOverride("training.jobs", &spec).ok());
  EXPECT_FALSE(ApplyOverride("=7", &spec).ok());
}

TEST(SettleScheme, ToleratesOneStragglerUnlessToldOtherwise) {
  const auto settled = [](const std::string& scheme, uint32_t slots) {
    v1::SchemeSpec spec = Resolve(absl::StrCat(kBase, scheme)).spec.scheme();
    SettleScheme(slots, &spec);
    return spec;
  };
  for (const uint32_t slots : {2u, 3u, 100u}) {
    const v1::SchemeSpec scheme = settled("", slots);
    EXPECT_EQ(scheme.slots(), slots);
    EXPECT_EQ(scheme.gc().s(), 1);
    EXPECT_EQ(scheme.gc().code(), v1::GradientCoding::FRACTIONAL_REPETITION);
  }
  EXPECT_TRUE(settled("", 1).has_uncoded());
  EXPECT_TRUE(settled("scheme: uncoded\n", 6).has_uncoded());
  EXPECT_EQ(settled("scheme: {gc: {s: 2}}\n", 6).gc().s(), 2);
  EXPECT_FALSE(settled("scheme: {multi_message: {}}\n", 6).multi_message().has_reach());
  // A number of slots in the file settles both at once, whoever is there.
  const v1::SchemeSpec own = settled("scheme: {slots: 4}\n", 9);
  EXPECT_EQ(own.slots(), 4);
  EXPECT_EQ(own.gc().s(), 1);
  EXPECT_TRUE(settled("scheme: {slots: 1}\n", 9).has_uncoded());
  EXPECT_TRUE(Resolve(absl::StrCat(kBase, "scheme: {slots: 4}\n")).spec.scheme().has_gc());
}

TEST(LoadRunFile, NamesWhatIsMissing) {
  EXPECT_THAT(std::string(LoadRunFile("/nowhere/x.yaml").status().message()),
              HasSubstr("'/nowhere/x.yaml' does not exist"));
  EXPECT_THAT(std::string(LoadRunFile("/").status().message()), HasSubstr("is a folder"));
}

TEST(Specs, MirrorTheRunFile) {
  const v1::RunSpec spec =
      Parse("scheme: {gc: {s: 2, code: graph, seed: 5}}\nclosing: {rule: quantile, factor: 3}");
  const SchemeSpec scheme = ToSchemeSpec(spec.scheme(), 9);
  EXPECT_EQ(SchemeText(scheme), "gc:s=2,code=graph,seed=5");
  EXPECT_EQ(scheme.slots, 9);
  const ClosingRuleSpec closing = ToClosingRuleSpec(spec.closing());
  EXPECT_EQ(ClosingText(closing), "quantile:quantile=0.5,factor=3");
  const SchemeSpec sequential =
      ToSchemeSpec(Parse("scheme: {m_sgc: {b: 1, w: 3, lambda: 4}, slots: 5}").scheme(), 9);
  EXPECT_EQ(SchemeText(sequential), "m_sgc:b=1,w=3,lambda=4");
  EXPECT_EQ(sequential.slots, 5);
}

}  // namespace
}  // namespace gradloom
