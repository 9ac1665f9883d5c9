// Layers and blocks that train without each other's gradients are lanes of one model: its bits stay
// whatever straggles or dies, also where a lane reads others' segments (Forward-Forward, graph
// networks) or a constant one (prototypes), and under schemes with a delay, which weave the lanes.
#include <signal.h>

#include <ostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/summary.h"

namespace gradloom {
namespace {

struct Case {
  const char* name;
  const char* data_and_workload;
  const char* scheme;
  double accuracy_min;  // guessing: 0.1 for glyphs, 0.25 for nodes
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

#define GLYPHS \
  "data: {train: {glyphs: {count: 1000}}, test: {glyphs: {first: 60000, count: 200}}}\n"
#define NODES "data: {train: {block_model: {count: 200}}}\n"
constexpr char kNoPropDt[] = GLYPHS "workload: {noprop: {hidden: 32, blocks: 3}}\n";
constexpr char kNoPropPrototype[] =
    GLYPHS "workload: {noprop: {hidden: 16, blocks: 2, embedding: prototype}}\n";
constexpr char kForwardForward[] = GLYPHS "workload: {forward_forward: {hidden: [128, 64]}}\n";
constexpr char kGnnSideBySide[] =
    NODES "workload: {forward_gnn: {layers: 3, width: 16, method: sf_top2loss}}\n";
constexpr char kGnnByParity[] =
    NODES "workload: {forward_gnn: {layers: 3, width: 16, method: sf_top2input}}\n";
constexpr char kGnnGreedy[] = NODES "workload: {forward_gnn: {layers: 2, width: 16, method: sf}}\n";
#undef GLYPHS
#undef NODES
constexpr char kGc[] = "scheme: {slots: 6, gc: {s: 1}}\n";
constexpr char kMSgc[] = "scheme: {slots: 6, m_sgc: {b: 1, w: 2, lambda: 2}}\n";    // T = 1
constexpr char kSrSgc[] = "scheme: {slots: 6, sr_sgc: {b: 1, w: 2, lambda: 2}}\n";  // T = 1
constexpr char kMessages[] = "scheme: {slots: 6, multi_message: {}}\n";
constexpr char kRest[] = R"(
seed: 7
optimizer: {kind: adam, learning_rate: 0.01}
training: {jobs: 25, batch_size: 200, evaluate_every: 10}
checkpoint: {every_jobs: 5}
)";

class LayerLocal : public ::testing::TestWithParam<Case> {
 protected:
  LayerLocal() {
    WriteText(folder_ / "run.yaml",
              std::string(GetParam().data_and_workload) + GetParam().scheme + kRest);
  }

  std::vector<std::string> Command(const std::string& output, const std::string& straggle,
                                   const std::string& scheme = "") const {
    std::vector<std::string> argv = {
        GRADLOOM, "run", folder_ / "run.yaml", "--output", folder_ / output, "--workers", "3"};
    if (!straggle.empty()) argv.insert(argv.end(), {"--set", "straggle=" + straggle});
    if (!scheme.empty()) argv.insert(argv.end(), {"--set", "scheme=" + scheme});
    return argv;
  }
  Summary Finish(const std::string& output, const std::string& straggle = "",
                 const std::string& scheme = "") {
    const Outcome outcome =
        RunProgram(Command(output, straggle, scheme), folder_ / (output + ".log"));
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return ReadSummary(folder_ / output / "summary.json");
  }
  void Kill(pid_t parent, const std::string& word) {
    const pid_t pid = FindChild(parent, {word});
    ASSERT_GT(pid, 0) << word;
    ASSERT_EQ(kill(pid, SIGKILL), 0);
  }

  TestFolder folder_;
};

TEST_P(LayerLocal, SameBitsUnderStragglingKillsAndResumes) {
  const Summary plain = Finish("plain");
  ASSERT_THAT(plain.sha256, testing::ElementsAre(testing::SizeIs(64)));
  EXPECT_GT(plain.accuracy.at(0), GetParam().accuracy_min) << "it learns";

  const Summary straggled = Finish("straggled", "{exponential: {base: 1ms, mean: 20ms}}");
  EXPECT_EQ(straggled.sha256, plain.sha256);
  EXPECT_EQ(straggled.accuracy, plain.accuracy);

  // Slow enough for a kill to strike well before the end.
  Process run(Command("killed", "{fixed: {delay: 20ms}}"), folder_ / "killed.log");
  const auto await_checkpoint = [&](int number) {
    return Await([&] { return NewestCheckpoint(folder_ / "killed" / "state") >= number; });
  };
  ASSERT_TRUE(await_checkpoint(2)) << run.Output();
  ASSERT_NO_FATAL_FAILURE(Kill(run.pid(), "worker-1"));
  ASSERT_TRUE(await_checkpoint(4)) << run.Output();
  ASSERT_NO_FATAL_FAILURE(Kill(run.pid(), "gradloom-coordinator"));
  ASSERT_EQ(run.Wait(), 0) << run.Output();
  const Summary killed = ReadSummary(folder_ / "killed" / "summary.json");
  EXPECT_EQ(killed.sha256, plain.sha256);
  EXPECT_EQ(killed.accuracy, plain.accuracy);
  EXPECT_GE(killed.workers_lost, 1);
  EXPECT_GE(killed.resumes, 1);
}

// Sums are added in another order, so their last bits differ; training does not notice.
class AnyScheme : public LayerLocal {};
TEST_P(AnyScheme, TrainsAlike) {
  const Summary plain = Finish("plain");
  ASSERT_EQ(plain.loss.size(), 1);
  const std::string schemes[] = {"{slots: 6, uncoded: {}}", "{slots: 6, gc: {s: 2, code: cyclic}}",
                                 "{slots: 6, gc: {s: 1, code: dual}}",
                                 "{slots: 5, gc: {s: 1, code: dual_balanced}}",
                                 "{slots: 6, multi_message: {reach: 3}}"};
  for (const std::string& scheme : schemes) {
    const Summary other = Finish("other-" + std::to_string(&scheme - schemes),
                                 "{exponential: {base: 1ms, mean: 10ms}}", scheme);
    ASSERT_EQ(other.loss.size(), 1) << scheme;
    EXPECT_NEAR(other.loss[0], plain.loss[0], 0.01 * plain.loss[0]) << scheme;
    EXPECT_NEAR(other.accuracy[0], plain.accuracy[0], 0.02) << scheme;
  }
}

constexpr auto kName = [](const auto& info) { return std::string(info.param.name); };
INSTANTIATE_TEST_SUITE_P(Models, AnyScheme,
                         testing::Values(Case{"noprop", kNoPropDt, kGc, 0},
                                         Case{"forward_forward", kForwardForward, kGc, 0},
                                         Case{"gnn", kGnnSideBySide, kGc, 0}),
                         kName);

INSTANTIATE_TEST_SUITE_P(Models, LayerLocal,
                         testing::Values(Case{"noprop", kNoPropDt, kGc, 0.2},
                                         Case{"noprop_m_sgc", kNoPropDt, kMSgc, 0.2},
                                         Case{"noprop_sr_sgc", kNoPropDt, kSrSgc, 0.2},
                                         Case{"noprop_messages", kNoPropDt, kMessages, 0.2},
                                         Case{"noprop_prototype", kNoPropPrototype, kGc, 0.2},
                                         Case{"forward_forward", kForwardForward, kGc, 0.2},
                                         Case{"forward_forward_m_sgc", kForwardForward, kMSgc, 0.2},
                                         Case{"gnn", kGnnSideBySide, kGc, 0.4},
                                         Case{"gnn_m_sgc", kGnnSideBySide, kMSgc, 0.4},
                                         Case{"gnn_messages", kGnnSideBySide, kMessages, 0.4},
                                         Case{"gnn_by_parity", kGnnByParity, kMSgc, 0.4},
                                         Case{"gnn_greedy", kGnnGreedy, kGc, 0.4}),
                         kName);

}  // namespace
}  // namespace gradloom
