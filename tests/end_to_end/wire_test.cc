// 16 bits on the wire: parameters as bf16, replies as bf16 or fp16. Real processes.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/summary.h"

namespace gradloom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kRunFile[] = R"(
seed: 7
data:
  train: {glyphs: {count: 4000}}
  test: {glyphs: {first: 60000, count: 1000}}
workload: {mlp: {hidden: [64]}}
optimizer: {kind: adam, learning_rate: 0.004}
training: {batch_size: 200, epochs: 5, evaluate_every: 0}
scheme: {slots: 6, gc: {s: 1}}
)";

class Wire : public ::testing::Test {
 protected:
  Wire() { WriteText(folder_ / "run.yaml", kRunFile); }

  Outcome Start(const std::string& output, const std::vector<std::string>& settings) {
    std::vector<std::string> argv = {
        GRADLOOM, "run", folder_ / "run.yaml", "--output", folder_ / output, "--workers", "3"};
    for (const std::string& setting : settings) argv.insert(argv.end(), {"--set", setting});
    return RunProgram(argv, folder_ / (output + ".log"));
  }
  Summary Train(const std::string& output, const std::vector<std::string>& settings) {
    const Outcome outcome = Start(output, settings);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    Summary summary = ReadSummary(folder_ / output / "summary.json");
    summary.sha256.resize(1);
    summary.accuracy.resize(1);
    return summary;
  }

  TestFolder folder_;
};

class WireFormat : public Wire, public ::testing::WithParamInterface<const char*> {};

TEST_P(WireFormat, KeepsTheBitsAndTheAccuracy) {
  const std::string wire = absl::StrCat("wire={parameters: bf16, replies: ", GetParam(), "}");
  const Summary full = Train("full", {});
  const Summary half = Train("half", {wire});
  const Summary straggled =
      Train("straggled", {wire, "straggle={exponential: {base: 1ms, mean: 20ms}}"});
  EXPECT_EQ(straggled.sha256, half.sha256);
  EXPECT_GT(straggled.stragglers_tolerated, 0);
  EXPECT_NE(half.sha256, full.sha256) << "nothing was rounded";
  EXPECT_GT(full.accuracy[0], 0.85);
  EXPECT_NEAR(half.accuracy[0], full.accuracy[0], 0.02);
}

INSTANTIATE_TEST_SUITE_P(Replies, WireFormat, ::testing::Values("bf16", "fp16"),
                         [](const auto& test) { return test.param; });

TEST_F(Wire, RefusesToRoundRepliesOfACodeThatWeighsThem) {
  for (const std::string format : {"bf16", "fp16"}) {
    for (const std::string code : {"cyclic", "dual"}) {
      const Outcome outcome = Start(
          "out", {absl::StrCat("wire.replies=", format), absl::StrCat("scheme.gc.code=", code)});
      EXPECT_EQ(outcome.code, 1);
      EXPECT_THAT(outcome.output, AllOf(HasSubstr("wire.replies"), HasSubstr(format),
                                        HasSubstr(code), HasSubstr("must be fp32")));
      EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
    }
  }
  const Outcome parameters = Start("out", {"wire.parameters=fp16"});
  EXPECT_EQ(parameters.code, 1);
  EXPECT_THAT(parameters.output,
              AllOf(HasSubstr("wire.parameters"), HasSubstr("'fp16'"), HasSubstr("fp32, bf16")));
}

}  // namespace
}  // namespace gradloom
