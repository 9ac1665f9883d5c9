// YAML onto messages: every kind of field, and what errors say.
#include "coordinator/run_file/yaml_to_proto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "coordinator/run_file/proto_to_yaml.h"
#include "coordinator/run_file/suggest.h"
#include "coordinator/run_file/yaml_scalar.h"
#include "google/protobuf/util/message_differencer.h"
#include "gradloom/v1/run.pb.h"

namespace gradloom {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

v1::RunSpec Parse(const std::string& yaml) {
  v1::RunSpec spec;
  const absl::Status status = YamlToMessage(yaml, "run.yaml", &spec);
  EXPECT_TRUE(status.ok()) << status;
  return spec;
}

std::string ErrorOf(const std::string& yaml) {
  v1::RunSpec spec;
  const absl::Status status = YamlToMessage(yaml, "run.yaml", &spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(YamlToProto, ReadsEveryKindOfField) {
  const v1::RunSpec spec = Parse(R"(
name: "a run"
seed: 18446744073709551615
data: {train: {csv: {file: x.csv, header: true}}}
workload: {mlp: {hidden: [64, 32], activation: gelu, dropout: 0.25}}
scheme: {gc: {s: 1, code: dual_balanced}, slots: 6}
straggle:
  slots: [0, 3]
  freezes:
  - {slot: 1, job: 7, duration: 1m30s}
sweep: {grid: {optimizer.learning_rate: [0.1, 1e-2], "workload.mlp.hidden": [[64], [64, 64]]}}
)");
  EXPECT_EQ(spec.name(), "a run");
  EXPECT_EQ(spec.seed(), 18446744073709551615u);
  EXPECT_TRUE(spec.data().train().csv().header());
  EXPECT_THAT(spec.workload().mlp().hidden(), testing::ElementsAre(64, 32));
  EXPECT_EQ(spec.workload().mlp().activation(), v1::GELU);
  EXPECT_EQ(spec.workload().mlp().dropout(), 0.25);
  EXPECT_EQ(spec.scheme().gc().code(), v1::GradientCoding::DUAL_BALANCED);
  EXPECT_EQ(spec.scheme().slots(), 6);
  EXPECT_THAT(spec.straggle().slots(), testing::ElementsAre(0, 3));
  EXPECT_EQ(spec.straggle().freezes(0).duration().seconds(), 90);
  EXPECT_THAT(spec.sweep().grid().at("optimizer.learning_rate").values(),
              testing::ElementsAre("0.1", "1e-2"));
  EXPECT_THAT(spec.sweep().grid().at("workload.mlp.hidden").values(),
              testing::ElementsAre("[64]", "[64, 64]"));
}

TEST(YamlToProto, ReadsAbbreviations) {
  const v1::RunSpec spec = Parse(R"(
data: {train: {cifar10: [a.bin, b.bin]}}
workload: {cnn: [{conv: {channels: 8}}, max_pool, {activate: tanh}]}
optimizer: sgd
scheme: uncoded
closing: mu
)");
  EXPECT_EQ(spec.data().train().cifar10().files(1), "b.bin");
  ASSERT_EQ(spec.workload().cnn().layers_size(), 3);
  EXPECT_TRUE(spec.workload().cnn().layers(1).has_max_pool());
  EXPECT_EQ(spec.workload().cnn().layers(2).activate().activation(), v1::TANH);
  EXPECT_EQ(spec.optimizer().kind(), v1::OptimizerSpec::SGD);
  EXPECT_TRUE(spec.scheme().has_uncoded());
  EXPECT_EQ(spec.closing().rule(), v1::ClosingSpec::MU);
  EXPECT_EQ(Parse("start_from: model.safetensors").start_from().file(), "model.safetensors");
  EXPECT_EQ(Parse("data: {train: {csv: iris.csv}}").data().train().csv().file(), "iris.csv");
  EXPECT_TRUE(Parse("scheme: {uncoded: }").scheme().has_uncoded());
  EXPECT_TRUE(Parse("scheme: {uncoded: {}}").scheme().has_uncoded());
}

TEST(YamlToProto, UnknownKeySaysWhereAndWhatIsKnown) {
  EXPECT_THAT(ErrorOf("name: x\noptimizer:\n  learning_rat: 0.1\n"),
              AllOf(HasSubstr("run.yaml:3:3: optimizer.learning_rat: unknown key"),
                    HasSubstr("did you mean 'learning_rate'?"),
                    HasSubstr("known: kind, learning_rate, momentum")));
  EXPECT_THAT(ErrorOf("zzzzzzzz: 1"), AllOf(HasSubstr("run.yaml:1:1: zzzzzzzz: unknown key"),
                                            Not(HasSubstr("did you mean"))));
  EXPECT_THAT(ErrorOf("workload: {softmax_regression: {x: 1}}"), HasSubstr("no keys here"));
}

TEST(YamlToProto, WrongValuesSayWhatIsLegal) {
  EXPECT_THAT(ErrorOf("seed: -1"),
              HasSubstr("run.yaml:1:7: seed: '-1' is not legal; it must be a whole number from 0"));
  EXPECT_THAT(ErrorOf("seed: 1.5"), HasSubstr("whole number"));
  EXPECT_THAT(ErrorOf("seed:"), HasSubstr("seed: has no value"));
  EXPECT_THAT(ErrorOf("seed: [1]"), HasSubstr("seed: is a list; it must be a whole number"));
  EXPECT_THAT(ErrorOf("optimizer: {learning_rate: fast}"),
              HasSubstr("optimizer.learning_rate: 'fast' is not legal; it must be a finite"));
  EXPECT_THAT(ErrorOf("optimizer: {learning_rate: nan}"), HasSubstr("finite"));
  EXPECT_THAT(ErrorOf("optimizer: {kind: Adam}"), HasSubstr("did you mean 'adam'?"));
  EXPECT_THAT(ErrorOf("optimizer: {kind: kind_unspecified}"), HasSubstr("is not known"));
  EXPECT_THAT(ErrorOf("scheme: msgc"),
              AllOf(HasSubstr("scheme: 'msgc' is not known"), HasSubstr("did you mean 'm_sgc'?"),
                    HasSubstr("known: uncoded, gc, sr_sgc, m_sgc")));
  EXPECT_THAT(ErrorOf("training: 5"), HasSubstr("'5' where a map of keys is expected"));
  EXPECT_THAT(ErrorOf("training: [5]"), HasSubstr("a list where a map of keys is expected"));
  EXPECT_THAT(ErrorOf("workload: {mlp: {hidden: 256}}"),
              HasSubstr("workload.mlp.hidden: '256' where a list is expected; write [256]"));
  EXPECT_THAT(ErrorOf("sweep: {grid: {seed: 1}}"), HasSubstr("write [1]"));
  EXPECT_THAT(ErrorOf("fleet: {rejoin_grace: soon}"), HasSubstr("a duration such as 500ms"));
  EXPECT_THAT(ErrorOf("fleet: {rejoin_grace: -2s}"), HasSubstr("'-2s' is not legal"));
  EXPECT_THAT(ErrorOf("scheme: {gc: {s: 1}, uncoded: {}}"),
              HasSubstr("'gc' and 'uncoded' exclude each other"));
  EXPECT_THAT(ErrorOf("seed: 1\nseed: 2"), HasSubstr("run.yaml:2:1: seed: given twice"));
  EXPECT_THAT(ErrorOf("sweep: {grid: {seed: [1], seed: [2]}}"), HasSubstr("given twice"));
}

TEST(YamlToProto, RefusesWhatIsNoRunFile) {
  EXPECT_THAT(ErrorOf("a: [1"), HasSubstr("not YAML"));
  EXPECT_THAT(ErrorOf("name: a\n---\nname: b\n"), HasSubstr("2 documents"));
  EXPECT_THAT(ErrorOf(std::string(kMaxYamlBytes + 1, '#')), HasSubstr("at most 1048576"));
  EXPECT_THAT(ErrorOf(std::string(5000, '[')), HasSubstr("run.yaml"));
  // 400 trials that share one list of 400 layers would unfold to 160,000 messages.
  std::string bomb = "workload: &w {cnn: [max_pool";
  for (int i = 1; i < 400; ++i) absl::StrAppend(&bomb, ", max_pool");
  absl::StrAppend(&bomb, "]}\ntrials:\n");
  for (int i = 0; i < 400; ++i) absl::StrAppend(&bomb, "- {workload: *w}\n");
  EXPECT_THAT(ErrorOf(bomb), HasSubstr("more than 100000 nodes"));
}

TEST(YamlToProto, AliasesAreValues) {
  const v1::RunSpec spec = Parse("trials:\n- &a {optimizer: {learning_rate: 0.5}}\n- *a\n");
  EXPECT_EQ(spec.trials(1).optimizer().learning_rate(), 0.5);
}

TEST(Durations, ReadAndPrint) {
  const auto seconds = [](const std::string& text) {
    return absl::ToDoubleSeconds(ParseDurationText(text).value());
  };
  EXPECT_EQ(seconds("500ms"), 0.5);
  EXPECT_EQ(seconds("2s"), 2);
  EXPECT_EQ(seconds("1m30s"), 90);
  EXPECT_EQ(seconds("1.5"), 1.5);
  EXPECT_EQ(seconds("0"), 0);
  for (const char* bad : {"", "x", "-1", "-1s", "inf", "nan", "1e12", "10000h"}) {
    EXPECT_FALSE(ParseDurationText(bad).ok()) << bad;
  }
}

TEST(ToYaml, ParsesBackToTheSameMessage) {
  const v1::RunSpec spec = Parse(R"(
name: "odd: \"name\" # with\ttab \\ ü"
data: {train: {csv: {file: "a b.csv", delimiter: ";", target: "null"}}, test: {numpy: {features: "a.npz:x", targets: "~"}}}
workload: {cnn: [{conv: {channels: 8, activation: identity}}, max_pool, {batch_norm: {}}, {dropout: {probability: 0.1}}]}
optimizer: {kind: adamw, learning_rate: 0.1, epsilon: 1e-300, schedule: {kind: cosine, warmup_jobs: 3}}
training: {epochs: 0.30000000000000004}
trials: [{}, {name: b, workload: softmax_regression}]
sweep: {grid: {a.b: [1, "x y"], workload: [{mlp: {hidden: [1]}}, softmax_regression]}}
scheme: {m_sgc: {b: 1, w: 2, lambda: 3}, slots: 6}
checkpoint: {every: 1.25, keep: 2}
straggle: {gilbert_elliott: {delay: 1ms}, slots: [1], crashes: [{slot: 1, job: 3}]}
)");
  const std::string yaml = ToYaml(spec);
  v1::RunSpec back;
  const absl::Status status = YamlToMessage(yaml, "back.yaml", &back);
  ASSERT_TRUE(status.ok()) << status << "\n" << yaml;
  EXPECT_TRUE(MessageDifferencer::Equals(spec, back)) << yaml << "\n" << ToYaml(back);
  EXPECT_THAT(yaml, HasSubstr("every: 1.25s"));
  EXPECT_EQ(ToYaml(v1::RunSpec()), "");
}

TEST(SetField, SetsNestedFieldsElementsAndAlternatives) {
  v1::RunSpec spec = Parse("workload: {mlp: {hidden: [8], dropout: 0.5}}\ntrials: [{}, {}]");
  EXPECT_TRUE(SetField("optimizer.learning_rate", "0.25", &spec).ok());
  EXPECT_EQ(spec.optimizer().learning_rate(), 0.25);
  EXPECT_TRUE(SetField("workload.mlp.hidden", "[4, 5]", &spec).ok());
  EXPECT_THAT(spec.workload().mlp().hidden(), testing::ElementsAre(4, 5));
  EXPECT_EQ(spec.workload().mlp().dropout(), 0.5);
  EXPECT_TRUE(SetField("trials[1].seed", "9", &spec).ok());
  EXPECT_EQ(spec.trials(1).seed(), 9);
  EXPECT_TRUE(SetField("workload", "softmax_regression", &spec).ok());
  EXPECT_TRUE(spec.workload().has_softmax_regression());
  EXPECT_TRUE(SetField("scheme.gc.s", "1", &spec).ok());
  EXPECT_TRUE(SetField("scheme.sr_sgc.b", "1", &spec).ok());
  EXPECT_FALSE(spec.scheme().has_gc());
  EXPECT_TRUE(SetField("sweep.grid.optimizer.momentum", "[0.1]", &spec).ok());
  EXPECT_TRUE(SetField("sweep.grid.optimizer.momentum", "[0.2, 0.3]", &spec).ok());
  EXPECT_THAT(spec.sweep().grid().at("optimizer.momentum").values(),
              testing::ElementsAre("0.2", "0.3"));
}

TEST(SetField, ErrorsNameThePath) {
  v1::RunSpec spec = Parse("trials: [{}]");
  const auto error = [&](const char* path, const char* value) {
    return std::string(SetField(path, value, &spec).message());
  };
  EXPECT_THAT(error("optimiser.learning_rate", "1"), HasSubstr("did you mean 'optimizer'?"));
  EXPECT_THAT(error("optimizer.rate", "1"), HasSubstr("optimizer.rate: unknown key"));
  EXPECT_THAT(error("optimizer.learning_rate", "x"), HasSubstr("optimizer.learning_rate: 'x'"));
  EXPECT_THAT(error("seed.x", "1"), HasSubstr("'seed' has no parts"));
  EXPECT_THAT(error("trials.seed", "1"), HasSubstr("is a list of 1"));
  EXPECT_THAT(error("trials[1].seed", "1"), HasSubstr("is a list of 1"));
  EXPECT_THAT(error("trials[x].seed", "1"), HasSubstr("trials[x]"));
  EXPECT_THAT(error("optimizer[0].momentum", "1"), HasSubstr("optimizer"));
  EXPECT_THAT(error("", "1"), HasSubstr("unknown key"));
}

TEST(Suggest, DistanceCountsEdits) {
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(EditDistance("ab", "ba"), 1);
  EXPECT_EQ(EditDistance("same", "same"), 0);
  EXPECT_EQ(DidYouMean("xyzzy", {"adam", "sgd"}), "");
  EXPECT_EQ(DidYouMean("glyph", {"idx", "glyphs"}), " (did you mean 'glyphs'?)");
}

}  // namespace
}  // namespace gradloom
